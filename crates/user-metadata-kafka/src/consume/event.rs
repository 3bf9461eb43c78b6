//! What happens to a member of a group.

use crate::KafkaRecord;

/// A record and its position.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupRecord {
    /// The partition.
    pub partition: u32,
    /// The offset in the partition; commit `offset + 1` once the record is processed.
    pub offset: u64,
    /// The record.
    pub record: KafkaRecord,
}

/// What [`GroupConsumer::next`](crate::GroupConsumer::next) returns.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupEvent {
    /// Records, in the order of their offsets within a partition; never empty.
    Records(Vec<GroupRecord>),
    /// This member now owns exactly these partitions, sorted; maybe none. Drop the records in
    /// flight of any other partition: they belong to another member.
    Assigned(Vec<u32>),
    /// This member has lost its membership and rejoins. Drop all records in flight: they belong to
    /// other members. The next [`Assigned`](Self::Assigned) says that it has joined again.
    Left,
    /// These partitions are about to move to another member. Store and commit their records in
    /// flight, then call `next` again, which releases them. After the handover timeout they are
    /// released anyway, and what is not committed by then is read again by the new owner.
    Revoking(Vec<u32>),
    /// The committed position of a partition is no longer available (retention has passed it, or
    /// the topic was recreated). Reading continues at the oldest record, and what lay between is
    /// lost to this group. Count it; it is already logged as a warning.
    OffsetReset {
        /// The partition.
        partition: u32,
        /// Where reading would have continued.
        from: u64,
        /// Where it continues.
        to: u64,
    },
    /// Kafka, or one of its brokers, does not respond, until [`Recovered`](Self::Recovered).
    /// Records from brokers that do respond still arrive. Once per incident; already logged as a
    /// warning.
    Unavailable {
        /// What is wrong, in words.
        reason: String,
    },
    /// All brokers that this member needs respond again.
    Recovered,
}

/// How far the group is behind in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionLag {
    /// The partition.
    pub partition: u32,
    /// The first offset that is not processed: the last one committed here, or a later one if no
    /// record lies between; before the first commit, the offset at which reading started.
    pub position: u64,
    /// The offset that the next record of the partition will get.
    pub end: u64,
}

impl PartitionLag {
    /// The number of records that are not processed yet.
    #[must_use]
    pub fn lag_records(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }
}
