use std::future::Future;

use user_metadata_events::{Record, UnixMillis};

use crate::{BoxError, TopicWriter};

/// What a pipeline reads, as a member of a consumer group.
pub(crate) trait Source: Send + 'static {
    /// Where the dead letters of this source are written.
    type DeadLetters: TopicWriter;

    /// Waits for the next input, for as long as it takes. Cancel safe. An error is final; an outage
    /// is [`Input::Unavailable`].
    fn next(&mut self) -> impl Future<Output = Result<Input, BoxError>> + Send;

    /// Commits, per partition, the next offset to read. The commit may still be in flight when this
    /// returns: the next call returns its error, and retries it together with its own positions, if
    /// any.
    fn commit(
        &mut self,
        positions: &[(u32, u64)],
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// The end offset and the committed position of each partition of this member.
    fn offsets(&self) -> Vec<PartitionOffsets>;

    /// Called once, with the first dead letter.
    fn dead_letters(&self) -> Self::DeadLetters;

    /// Commits what is pending and leaves the group, so that another member can continue at once.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What a source sends.
#[derive(Debug)]
pub(crate) enum Input {
    /// Records, in the order of their offsets within a partition.
    Records(Vec<Fetched>),
    /// This member now owns exactly these partitions; drop the records in flight of others.
    Assigned(Vec<u32>),
    /// This member has lost its membership and rejoins; the next `Assigned` says that it has
    /// joined.
    #[cfg_attr(
        not(feature = "kafka"),
        allow(dead_code, reason = "a log has one member")
    )]
    Left,
    /// Some partitions are about to move to another member: settle the records in flight before
    /// asking for more.
    #[cfg_attr(
        not(feature = "kafka"),
        allow(dead_code, reason = "a log has one member")
    )]
    Revoking,
    /// Records that this group will never see. Already logged.
    Lost { records: u64, cause: LossCause },
    /// Nothing arrives until `Recovered`. Already logged.
    Unavailable { reason: String },
    /// The source can be read again.
    Recovered,
    /// Nothing more will come: the end of a replay. The last batch need not wait to fill.
    End,
}

/// Why records are lost to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LossCause {
    /// Retention removed them before they were read.
    Retention,
    /// They are corrupt.
    Damage,
    /// They could neither be stored nor become dead letters.
    Refused,
}

/// A record and its position.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) record: Record,
    /// See [`Delivery::replayed_from`](crate::Delivery::replayed_from).
    pub(crate) replayed_from: Option<u64>,
}

/// The end of a partition and the position of the group in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartitionOffsets {
    pub(crate) partition: u32,
    /// The next offset to read.
    pub(crate) position: u64,
    /// The offset that the next record will get.
    pub(crate) end: u64,
}

impl PartitionOffsets {
    pub(crate) const fn lag_records(&self) -> u64 {
        self.end.saturating_sub(self.position)
    }
}

impl LossCause {
    pub(crate) const ALL: [Self; 3] = [Self::Retention, Self::Damage, Self::Refused];

    /// The label in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Damage => "damage",
            Self::Refused => "refused",
        }
    }
}

/// Kafka's signed milliseconds: times before 1970 or after 9999 are clamped.
pub(crate) fn to_unix_millis(timestamp_ms: i64) -> UnixMillis {
    match u64::try_from(timestamp_ms) {
        Ok(millis) => UnixMillis::new(millis).unwrap_or(UnixMillis::MAX),
        Err(_) => UnixMillis::EPOCH,
    }
}
