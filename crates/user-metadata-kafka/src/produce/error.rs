//! Why a topic or a producer can't be had, and why a batch was not written.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::{BoxError, Refusal};

/// Why the cluster or the topic can't be had. Whatever the cause, trying again is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No broker can be reached, or the cluster is not ready. Try again after a back-off.
    #[error("Kafka is unavailable")]
    Unavailable(#[source] BoxError),
    /// No answer in time. Try again after a back-off.
    #[error("Kafka does not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// One side does not trust the other. Somebody has to change a flag, a certificate or the
    /// cluster; where it is the cluster, trying again goes on with what is there now.
    #[error("Kafka and this process don't trust each other")]
    Untrusted(#[source] Refusal),
    /// The cluster refuses to make the topic: no right to, a replication factor beyond its
    /// brokers, a policy. Somebody has to change a flag or the cluster.
    #[error("Kafka refuses to create the topic `{topic}`")]
    TopicRefused {
        /// The topic that is missing.
        topic: String,
        /// The broker's answer.
        #[source]
        source: BoxError,
    },
}

impl ConnectError {
    /// Whether waiting may help without anybody changing a flag of this process. The one after an
    /// [`Untrusted`](Self::Untrusted) is
    /// [kept in here](crate::KafkaOptions::with_refusal_pause).
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Timeout(_) | Self::Untrusted(_)
        )
    }
}

/// Why a batch was not acknowledged. After [`Unavailable`](Self::Unavailable) and
/// [`Timeout`](Self::Timeout) it may be stored all the same: producing it again can duplicate it,
/// so records carry an id.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// Broken connection, moved leader, too few replicas: produce the same batch again after a
    /// back-off.
    #[error("Kafka is unavailable")]
    Unavailable(#[source] BoxError),
    /// No answer in time: produce the same batch again after a back-off.
    #[error("Kafka does not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// One side does not trust the other, as in [`ConnectError::Untrusted`]: produce the same batch
    /// again, however often.
    #[error("Kafka and this process don't trust each other")]
    Untrusted(#[source] Refusal),
    /// The topic has fewer partitions (it was made anew): choose the partitions again.
    #[error("the topic has {partitions} partitions, no number {partition}")]
    NoSuchPartition {
        /// The partition asked for.
        partition: u32,
        /// The partitions that there are.
        partitions: NonZeroU32,
    },
    /// The batch is larger than the broker takes: produce its halves; give up a single record.
    #[error("the batch is larger than the broker takes")]
    TooLarge(#[source] BoxError),
    /// The broker will never take this batch, e.g. for a record without a key in a compacted
    /// topic: produce its halves to find the record; give up a single one.
    #[error("the broker rejects the batch")]
    Rejected(#[source] BoxError),
    /// Nobody's batch is taken from this process: it may not write the topic, or the broker does
    /// not know the compression. Somebody has to change a flag or the cluster; keep the batch.
    #[error("Kafka refuses writing the topic")]
    Refused(#[source] BoxError),
}

impl ProduceError {
    /// Whether the same batch to the same partition may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Timeout(_) | Self::Untrusted(_) | Self::Refused(_)
        )
    }
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        Self::Untrusted(refusal)
    }
}

impl From<ConnectError> for ProduceError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unavailable(source) => Self::Unavailable(source),
            ConnectError::Timeout(limit) => Self::Timeout(limit),
            ConnectError::Untrusted(refusal) => Self::Untrusted(refusal),
            refused @ ConnectError::TopicRefused { .. } => Self::Refused(refused.into()),
        }
    }
}
