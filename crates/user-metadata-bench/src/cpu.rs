use std::time::Duration;

use crate::Failure;

/// Linux reports processor time in hundredths of a second, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of a process so far, of all its threads.
pub(crate) fn cpu_time(pid: u32) -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = ticks(&stat).ok_or_else(|| format!("/proc/{pid}/stat has an unknown format"))?;
    Ok(TICK * ticks)
}

/// `utime` and `stime`, the 12th and 13th field after the name, which is in parentheses and may
/// contain any character.
fn ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use user_metadata_testing::until;

    use super::*;

    #[test]
    fn user_and_system_time_are_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 30 0 0 20 0 1 0 9 0 0";
        assert_eq!(ticks(stat), Some(180));
        assert_eq!(ticks("42 (a"), None);
    }

    #[test]
    fn this_process_has_taken_some_time() {
        let before = cpu_time(std::process::id()).unwrap();
        // Polling uses some of it.
        until("a tick of the clock", Duration::from_secs(60), || {
            (cpu_time(std::process::id()).unwrap() > before).then_some(())
        });
    }
}
