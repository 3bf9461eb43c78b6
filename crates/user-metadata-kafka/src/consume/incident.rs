//! One outage: one warning at its start, one line at its end, and growing waits between.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The outage that is going on, if any.
#[derive(Debug, Default)]
pub(super) struct Incident {
    last_wait: Option<Duration>,
}

impl Incident {
    /// Whether an outage is going on.
    pub(super) fn is_open(&self) -> bool {
        self.last_wait.is_some()
    }

    /// Notes a failure and returns how long to wait before the next attempt.
    pub(super) fn failed(&mut self) -> Duration {
        let wait = self
            .last_wait
            .map_or(FIRST_WAIT, |last| (last * 2).min(LONGEST_WAIT));
        self.last_wait = Some(wait);
        wait
    }

    /// Ends the outage, if there was one.
    pub(super) fn end(&mut self) {
        self.last_wait = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_second_and_start_over_after_the_end() {
        let mut incident = Incident::default();
        let waits: Vec<u128> = (0..6).map(|_| incident.failed().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert!(incident.is_open());
        incident.end();
        assert!(!incident.is_open());
        assert_eq!(incident.failed(), FIRST_WAIT);
    }
}
