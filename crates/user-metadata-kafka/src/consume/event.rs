//! What a member of a group sees happen.

use crate::KafkaRecord;

/// A record and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupRecord {
    /// The partition.
    pub partition: u32,
    /// The offset in the partition; commit `offset + 1` once it is dealt with.
    pub offset: u64,
    /// The record.
    pub record: KafkaRecord,
}

/// What [`GroupConsumer::next`](crate::GroupConsumer::next) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupEvent {
    /// Records, in the order of their offsets within a partition; never empty.
    Records(Vec<GroupRecord>),
    /// This member now owns exactly these partitions, sorted; maybe none. Whatever is in hand of
    /// other partitions belongs to somebody else: drop it.
    Assigned(Vec<u32>),
    /// This member is none any more, and joins anew: whatever is in hand belongs to somebody else.
    /// The next [`Assigned`](Self::Assigned) says that it has joined.
    Left,
    /// These partitions are about to go to another member. Store and commit what is in hand of
    /// them, then call `next` again: that releases them. They go anyway after the handover
    /// timeout, and what is not committed then is read again by the new owner.
    Revoking(Vec<u32>),
    /// The committed position of a partition was no longer kept (retention passed it, or the
    /// topic was made anew): reading goes on at the oldest record, and what lay between is lost to
    /// this group. Count it; it is already logged as a warning.
    OffsetReset {
        /// The partition.
        partition: u32,
        /// Where reading would have gone on.
        from: u64,
        /// Where it goes on.
        to: u64,
    },
    /// Kafka, or one of its brokers, does not answer, which ends with
    /// [`Recovered`](Self::Recovered). Records of what does answer come meanwhile. Once per
    /// incident, already logged as a warning.
    Unavailable {
        /// What is wrong, in words.
        reason: String,
    },
    /// All of Kafka that this member needs answers again.
    Recovered,
}

/// How far the group is behind in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionLag {
    /// The partition.
    pub partition: u32,
    /// The first offset that is not dealt with: the last one committed here, or beyond it where no
    /// record follows; else the one that reading started at.
    pub position: u64,
    /// The offset that the next record of the partition will get.
    pub end: u64,
}

impl PartitionLag {
    /// The records that are not dealt with yet.
    #[must_use]
    pub fn lag_records(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }
}
