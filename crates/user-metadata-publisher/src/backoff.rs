use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// Returns how long to wait after the `failures`th failure in a row: 100 ms, doubled each time up
/// to 1 s, with a random half as jitter, so that many publishers do not come back at once.
pub(crate) fn delay(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let full = (FIRST * (1 << doublings)).min(LONGEST);
    // The keys of a map's hasher are the standard library's source of random numbers.
    let random = RandomState::new().hash_one(failures);
    full / 2 + full.mul_f64(random as f64 / u64::MAX as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_to_a_second_at_most_and_is_jittered() {
        for (failures, full) in [(1, 100), (2, 200), (4, 800), (5, 1_000), (u32::MAX, 1_000)] {
            let delays: Vec<_> = (0..100).map(|_| delay(failures).as_millis()).collect();
            assert!(
                delays.iter().all(|ms| (full / 2..=full).contains(ms)),
                "{delays:?}"
            );
            assert!(delays.iter().any(|ms| *ms != delays[0]));
        }
    }
}
