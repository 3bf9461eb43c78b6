//! One outage: one warning at its start, one log line at its end, and growing delays between
//! attempts.

use std::time::Duration;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The current outage, if any.
#[derive(Debug, Default)]
pub(super) struct Incident {
    is_open: bool,
    is_refusal: bool,
    last_wait: Option<Duration>,
}

impl Incident {
    /// Notes an outage. Returns whether it has just begun.
    pub(super) fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.is_open, true)
    }

    /// Notes an outage that somebody has to fix. Returns whether that is new.
    pub(super) fn begin_refusal(&mut self) -> bool {
        self.is_open = true;
        !std::mem::replace(&mut self.is_refusal, true)
    }

    /// Returns how long to wait before the next attempt.
    pub(super) fn failed(&mut self) -> Duration {
        let wait = self
            .last_wait
            .map_or(FIRST_WAIT, |last| (last * 2).min(LONGEST_WAIT));
        self.last_wait = Some(wait);
        wait
    }

    /// Ends the outage. Returns whether there was one.
    pub(super) fn end(&mut self) -> bool {
        std::mem::take(self).is_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_once_and_ends_once() {
        let mut incident = Incident::default();
        assert!(!incident.end());
        assert!(incident.begin());
        assert!(!incident.begin());
        assert!(incident.end());
        assert!(!incident.end());
    }

    #[test]
    fn a_refusal_during_an_outage_is_new_once() {
        let mut incident = Incident::default();
        assert!(incident.begin());
        assert!(incident.begin_refusal());
        assert!(!incident.begin_refusal());
        assert!(!incident.begin());
        assert!(incident.end());
        assert!(incident.begin_refusal());
    }

    #[test]
    fn delays_grow_to_a_second_and_start_over_after_the_end() {
        let mut incident = Incident::default();
        let waits: Vec<u128> = (0..6).map(|_| incident.failed().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        incident.end();
        assert_eq!(incident.failed(), FIRST_WAIT);
    }
}
