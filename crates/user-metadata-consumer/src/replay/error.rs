use crate::BuildError;

/// A replay can't be opened, or counted. The message names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The consumer is not right, or, on the embedded log, a replay of the same dead letters runs.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no such topic.
    #[error("there is no topic `{topic}`; nothing was ever published to it")]
    NoTopic {
        /// Its name.
        topic: String,
    },
    /// The topic has no such partition.
    #[error("`{topic}` has no partition {partition}; it has 0 to {last}")]
    NoPartition {
        /// The topic.
        topic: String,
        /// What was asked for.
        partition: u32,
        /// The last that there is.
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
