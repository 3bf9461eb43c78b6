//! What a candidate costs, measured in its own process from its first event to its last
//! acknowledgement. The peers, which are a workspace of their own, compile this file, too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::Failure;

/// Runs for as long as a candidate publishes.
pub(crate) struct Meter {
    start: Instant,
    limit: Duration,
    cpu_before: Duration,
    made_nanoseconds: AtomicU64,
}

impl Meter {
    /// Starts; new events are to be published for the time `limit`.
    pub(crate) fn start(limit: Duration) -> Self {
        Self {
            start: Instant::now(),
            limit,
            cpu_before: cpu_time(ClockId::ProcessCPUTime),
            made_nanoseconds: AtomicU64::new(0),
        }
    }

    /// Whether enough was published.
    pub(crate) fn is_over(&self) -> bool {
        self.start.elapsed() >= self.limit
    }

    /// Makes events. Its processor time is not counted, as it is not part of publishing.
    pub(crate) fn make<T>(&self, make: impl FnOnce() -> T) -> T {
        let before = cpu_time(ClockId::ThreadCPUTime);
        let made = make();
        let taken = cpu_time(ClockId::ThreadCPUTime).saturating_sub(before);
        let nanoseconds = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        self.made_nanoseconds
            .fetch_add(nanoseconds, Ordering::Relaxed);
        made
    }

    /// Ends with the acknowledgement of the last of `events`, and prints the result for the parent.
    /// `written` includes those before the start.
    pub(crate) fn report(&self, events: u64, written: u64) -> Result<(), Failure> {
        let seconds = self.start.elapsed().as_secs_f64();
        let made = Duration::from_nanos(self.made_nanoseconds.load(Ordering::Relaxed));
        let cpu = (cpu_time(ClockId::ProcessCPUTime) - self.cpu_before).saturating_sub(made);
        println!(
            r#"{{"events":{events},"written":{written},"seconds":{seconds},"cpuSeconds":{},"makingSeconds":{},"peakKiB":{}}}"#,
            cpu.as_secs_f64(),
            made.as_secs_f64(),
            peak_kib()?,
        );
        Ok(())
    }
}

fn cpu_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// The peak memory of this process. `getrusage` would include that of the parent.
fn peak_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(number
        .ok_or("no VmHWM in /proc/self/status")?
        .trim()
        .parse()?)
}
