use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Returns how long to wait after the `failures`th failure in a row: 100 ms, doubled each time up
/// to 5 s, of which up to half is left out at random so that many processes do not come back at
/// once. If the target has asked for more, that and up to a tenth more.
pub(crate) fn delay(failures: u32, retry_after: Option<Duration>) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let full = (FIRST * (1 << doublings)).min(LONGEST);
    // The keys of a map's hasher are the standard library's source of random numbers.
    let random = RandomState::new().hash_one(failures) as f64 / u64::MAX as f64;
    let own = full / 2 + full.mul_f64(random / 2.0);
    let asked = retry_after.unwrap_or_default();
    own.max(asked.saturating_add((asked / 10).mul_f64(random)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_to_five_seconds_at_most_and_is_jittered() {
        for (failures, full) in [
            (1, 100),
            (2, 200),
            (6, 3_200),
            (7, 5_000),
            (u32::MAX, 5_000),
        ] {
            let delays: Vec<_> = (0..100)
                .map(|_| delay(failures, None).as_millis())
                .collect();
            assert!(
                delays.iter().all(|ms| (full / 2..=full).contains(ms)),
                "{delays:?}"
            );
            assert!(delays.iter().any(|ms| *ms != delays[0]));
        }
    }

    #[test]
    fn a_target_that_asks_for_more_gets_it_and_one_that_asks_for_less_does_not() {
        let asked = Duration::from_secs(60);
        assert!((60_000..=66_000).contains(&delay(1, Some(asked)).as_millis()));
        assert!(delay(1, Some(Duration::ZERO)) >= FIRST / 2);
    }
}
