use std::sync::Arc;

use user_metadata_consumer::Position;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: u32,
}

impl From<&Position> for Place {
    fn from(position: &Position) -> Self {
        Self {
            topic: Arc::clone(&position.topic),
            partition: position.partition,
        }
    }
}

/// A clock that is more wrong than this tells nothing about what is new.
const SKEW: u64 = 24 * 60 * 60 * 1000;

/// How far a partition is counted. What lies below was counted, and comes again after a crash or
/// when a reader starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fence {
    /// The offset behind the last event that was counted.
    pub(crate) next: u64,
    /// The time of the newest event that was counted, in ms since the epoch.
    pub(crate) newest: u64,
    /// The least and the greatest time that was counted though it was not credible.
    pub(crate) ahead: Option<(u64, u64)>,
}

const fn is_credible(time: u64, now: u64) -> bool {
    time <= now + SKEW
}

impl Fence {
    /// Whether the event at `offset` of the time `time` lies below what is counted.
    ///
    /// Offsets alone would not do: those of a topic that was deleted and made anew start at 0, and
    /// everything up to the old end would go uncounted. But an event that is newer than all that
    /// were counted can't be one of them. One of a clock that was ahead may be: its time has become
    /// credible since.
    pub(crate) fn has_passed(self, offset: u64, time: u64, now: u64) -> bool {
        let was_ahead = |(least, greatest)| (least..=greatest).contains(&time);
        let is_of_a_new_topic =
            is_credible(time, now) && time > self.newest && !self.ahead.is_some_and(was_ahead);
        offset < self.next && !is_of_a_new_topic
    }

    /// Whether the event is to be counted, and if so, counts it.
    pub(crate) fn admit(&mut self, offset: u64, time: u64, now: u64) -> bool {
        if self.has_passed(offset, time, now) {
            return false;
        }
        self.next = offset + 1;
        if is_credible(time, now) {
            self.newest = self.newest.max(time);
        } else {
            let (least, greatest) = self.ahead.unwrap_or((time, time));
            self.ahead = Some((least.min(time), greatest.max(time)));
        }
        true
    }

    /// Whether Redis, which says this, has lost what it had acknowledged. A topic that was made
    /// anew is behind, too, but its events are newer.
    #[cfg(feature = "redis")]
    pub(crate) const fn has_lost(self, acknowledged: Self) -> bool {
        self.next < acknowledged.next && self.newest <= acknowledged.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_not_counted_again() {
        let mut fence = Fence::default();
        for (offset, time) in [(0, 10), (1, 30), (5, 20)] {
            assert!(fence.admit(offset, time, 100));
        }
        for (offset, time) in [(0, 10), (1, 30), (5, 20)] {
            assert!(!fence.admit(offset, time, 100));
        }
        let expected = Fence {
            next: 6,
            newest: 30,
            ahead: None,
        };
        assert_eq!(fence, expected);
    }

    #[test]
    fn a_topic_that_was_made_anew_is_counted_from_its_first_event_that_is_newer() {
        let mut fence = Fence {
            next: 6,
            newest: 30,
            ahead: None,
        };
        let admitted = [(0, 25), (1, 31), (2, 29), (3, 40)]
            .map(|(offset, time)| fence.admit(offset, time, 100));
        assert_eq!(admitted, [false, true, true, true]);
        assert_eq!(
            fence,
            Fence {
                next: 4,
                newest: 40,
                ahead: None,
            }
        );
    }

    #[test]
    fn a_clock_far_ahead_proves_nothing_and_hides_nothing() {
        let mut fence = Fence {
            next: 6,
            newest: 30,
            ahead: None,
        };
        let ahead = 100 + SKEW + 1;
        assert!(fence.admit(6, ahead, 100));
        assert!(!fence.admit(6, ahead, 100), "it comes again");
        assert_eq!(fence.newest, 30);
        let later = ahead + 1;
        assert!(
            !fence.admit(6, ahead, later),
            "it comes when it is credible"
        );
        assert!(fence.admit(0, 31, later), "a new topic shows");
        assert!(fence.admit(0, later, later), "and later, too");
    }
}
