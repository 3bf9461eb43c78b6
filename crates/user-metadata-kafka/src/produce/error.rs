//! Why a topic or a producer is not available, and why a batch was not written.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::{BoxError, Refusal};

/// Why the cluster or the topic is not available. Trying again is always safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No broker can be reached, or the cluster is not ready. Try again after a back-off.
    #[error("Kafka is unavailable")]
    Unavailable(#[source] BoxError),
    /// No response in time. Try again after a back-off.
    #[error("Kafka does not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// One side does not trust the other. Somebody has to change the configuration, a certificate
    /// or the cluster; if it is the cluster, retrying continues with the new state.
    #[error("Kafka and this process don't trust each other")]
    Untrusted(#[source] Refusal),
    /// The cluster refuses to create the topic: missing permissions, a replication factor beyond
    /// its brokers, a policy. Somebody has to change the configuration or the cluster.
    #[error("Kafka refuses to create the topic `{topic}`")]
    TopicRefused {
        /// The topic that is missing.
        topic: String,
        /// The broker's response.
        #[source]
        source: BoxError,
    },
}

impl ConnectError {
    /// Whether waiting may help without a change to the configuration of this process. The wait
    /// after an [`Untrusted`](Self::Untrusted) is [enforced by this
    /// crate](crate::KafkaOptions::with_refusal_pause).
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Timeout(_) | Self::Untrusted(_)
        )
    }
}

/// Why a batch was not acknowledged. After [`Unavailable`](Self::Unavailable) and
/// [`Timeout`](Self::Timeout) it may have been stored all the same. Producing it again can
/// duplicate it, so records carry an id.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProduceError {
    /// Broken connection, moved leader, too few replicas: produce the same batch again after a
    /// back-off.
    #[error("Kafka is unavailable")]
    Unavailable(#[source] BoxError),
    /// No response in time: produce the same batch again after a back-off.
    #[error("Kafka does not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// One side does not trust the other, as in [`ConnectError::Untrusted`]: produce the same batch
    /// again, as often as necessary.
    #[error("Kafka and this process don't trust each other")]
    Untrusted(#[source] Refusal),
    /// The topic has fewer partitions (it was recreated): choose the partitions again.
    #[error("the topic has {partitions} partitions, no number {partition}")]
    NoSuchPartition {
        /// The partition asked for.
        partition: u32,
        /// The number of partitions of the topic.
        partitions: NonZeroU32,
    },
    /// The batch is larger than the broker accepts: produce its halves; drop a single record.
    #[error("the batch is larger than the broker takes")]
    TooLarge(#[source] BoxError),
    /// The broker will never accept this batch, e.g. because of a record without a key in a
    /// compacted topic: produce its halves to find the record; drop a single one.
    #[error("the broker rejects the batch")]
    Rejected(#[source] BoxError),
    /// The broker accepts no batch from this process: it may not write to the topic, or the broker
    /// does not support the compression. Somebody has to change the configuration or the cluster;
    /// keep the batch.
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
