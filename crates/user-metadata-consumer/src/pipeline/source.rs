use std::future::Future;

use user_metadata_events::{Record, UnixMillis};

use crate::{BoxError, TopicWriter};

/// Where a pipeline reads, as one member of a consumer group.
pub(crate) trait Source: Send + 'static {
    /// Where the dead letters of this source go.
    type DeadLetters: TopicWriter;

    /// Waits for the next thing to happen, for as long as it takes. Cancel safe. An error is for
    /// good; an outage is [`Input::Unavailable`].
    fn next(&mut self) -> impl Future<Output = Result<Input, BoxError>> + Send;

    /// Commits per partition the next offset to read. It need not be done when this returns: the
    /// next call tells what failed, and tries it again together with what it is given, if anything.
    fn commit(
        &mut self,
        positions: &[(u32, u64)],
    ) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// How far each partition of this member goes, and how far it is committed.
    fn offsets(&self) -> Vec<PartitionOffsets>;

    /// Called once, when the first dead letter comes.
    fn dead_letters(&self) -> Self::DeadLetters;

    /// Commits what is kept and lets go of the group, so that another member can go on at once.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What a source tells.
#[derive(Debug)]
pub(crate) enum Input {
    /// Records, in the order of their offsets within a partition.
    Records(Vec<Fetched>),
    /// This member now has exactly these partitions; drop what is in hand of others.
    Assigned(Vec<u32>),
    /// This member has none and is none, until it is `Assigned` some.
    #[cfg_attr(
        not(feature = "kafka"),
        allow(dead_code, reason = "a log has one member")
    )]
    Left,
    /// Some partitions are about to go to another member: settle what is in hand before asking for
    /// more.
    #[cfg_attr(
        not(feature = "kafka"),
        allow(dead_code, reason = "a log has one member")
    )]
    Revoking,
    /// Records that this group will never see. Already logged.
    Lost { records: u64, cause: LossCause },
    /// Nothing comes until `Recovered`. Already logged.
    Unavailable { reason: String },
    /// It works again.
    Recovered,
    /// Nothing more will come: the end of a replay. Only after it, the last batch is not waited for
    /// to fill.
    End,
}

/// Why records are lost to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LossCause {
    /// Retention removed them first.
    Retention,
    /// They are damaged.
    Damage,
    /// They could neither be stored nor become dead letters.
    Refused,
}

/// A record and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) partition: u32,
    pub(crate) offset: u64,
    pub(crate) record: Record,
}

/// How far a partition goes and how far the group is committed.
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

/// Kafka's signed milliseconds: what lies before 1970 or after 9999 becomes the nearest moment.
pub(crate) fn to_unix_millis(timestamp_ms: i64) -> UnixMillis {
    match u64::try_from(timestamp_ms) {
        Ok(millis) => UnixMillis::new(millis).unwrap_or(UnixMillis::MAX),
        Err(_) => UnixMillis::EPOCH,
    }
}
