use crate::BuildError;

/// Why a replay or its count can't be started. The message names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The consumer can't be built; or, on the embedded log, a replay of the same dead letters is
    /// already running.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The topic does not exist.
    #[error("there is no topic `{topic}`; nothing was ever published to it")]
    NoTopic {
        /// Its name.
        topic: String,
    },
    /// The topic does not have this partition.
    #[error("`{topic}` has no partition {partition}; it has 0 to {last}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The last partition of the topic.
        last: u32,
    },
    /// The topic can't be read.
    #[error("the topic can't be read")]
    Read(#[source] crate::BoxError),
    /// Kafka can't be read.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] user_metadata_kafka::ConsumeError),
    /// The embedded log can't be read.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Log(#[from] user_metadata_log::ReadError),
}

#[cfg(feature = "embedded")]
impl From<user_metadata_log::OpenError> for ReplayError {
    fn from(error: user_metadata_log::OpenError) -> Self {
        Self::Build(error.into())
    }
}
