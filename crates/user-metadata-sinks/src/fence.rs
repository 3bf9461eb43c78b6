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

/// How far a partition is counted. Events below were counted already; they are delivered again
/// after a crash or when a reader starts over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Fence {
    /// The offset behind the last event that was counted.
    pub(crate) next: u64,
    /// The time of the newest event that was counted, in ms since the epoch.
    pub(crate) newest: u64,
}

impl Fence {
    /// Whether the event at `offset`, with the time `time`, was counted already.
    ///
    /// Offsets alone are not enough: those of a topic that was deleted and recreated start at 0,
    /// and everything up to the old end would not be counted. But an event that is newer than all
    /// counted ones can't be one of them.
    pub(crate) const fn has_passed(self, offset: u64, time: u64) -> bool {
        offset < self.next && time <= self.newest
    }

    /// Counts the event, unless it was counted already; returns whether it did.
    pub(crate) fn admit(&mut self, offset: u64, time: u64) -> bool {
        if self.has_passed(offset, time) {
            return false;
        }
        self.next = offset + 1;
        self.newest = self.newest.max(time);
        true
    }

    /// The same in a replay that has delivered every event from the offset `from` on. Events behind
    /// a gap are left to the consumer group: if they were counted here, those in the gap would
    /// never be.
    #[cfg(feature = "redis")]
    pub(crate) fn admit_replayed(&mut self, from: u64, offset: u64, time: u64) -> bool {
        from <= self.next && offset >= self.next && self.admit(offset, time)
    }

    /// Whether Redis, which reports this, has lost what it had acknowledged. A recreated topic is
    /// behind, too, but its events are newer.
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
            assert!(fence.admit(offset, time));
        }
        for (offset, time) in [(0, 10), (1, 30), (5, 20)] {
            assert!(!fence.admit(offset, time));
        }
        let expected = Fence {
            next: 6,
            newest: 30,
        };
        assert_eq!(fence, expected);
    }

    #[test]
    fn a_recreated_topic_is_counted_from_its_first_event_that_is_newer() {
        let mut fence = Fence {
            next: 6,
            newest: 30,
        };
        let admitted =
            [(0, 25), (1, 31), (2, 29), (3, 40)].map(|(offset, time)| fence.admit(offset, time));
        assert_eq!(admitted, [false, true, true, true]);
        assert_eq!(
            fence,
            Fence {
                next: 4,
                newest: 40,
            }
        );
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_replay_counts_up_to_the_first_gap_and_leaves_the_rest_to_the_group() {
        let mut fence = Fence {
            next: 6,
            newest: 30,
        };
        // 7 is not an event, 9 was omitted.
        let replayed = [(4, 5), (4, 6), (4, 8), (10, 10), (10, 11)];
        let admitted = replayed.map(|(from, offset)| fence.admit_replayed(from, offset, 40));
        assert_eq!(admitted, [false, true, true, false, false]);
        assert_eq!(fence.next, 9);
        let admitted = [6, 8, 9, 10, 11].map(|offset| fence.admit(offset, 40));
        assert_eq!(admitted, [false, false, true, true, true]);
    }
}
