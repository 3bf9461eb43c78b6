use crate::BoxError;

/// Why a consumer can't be built. The message names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is nothing to read.
    #[error("nothing to read; call `kafka` or `log`")]
    NoSource,
    /// There is nothing to write to.
    #[error("no sink; add at least one")]
    NoSink,
    /// A sink's name is not valid as part of a group's name.
    #[error("`{name}` can't name a sink; use lower-case letters, digits and dashes")]
    SinkName {
        /// The name.
        name: String,
    },
    /// Two sinks have the same name, so they would share a group.
    #[error("two sinks are named `{name}`; give one of them another name")]
    DuplicateSink {
        /// The name.
        name: String,
    },
    /// The option is of no use for the embedded log, whose groups have one process each.
    #[cfg(all(feature = "kafka", feature = "embedded"))]
    #[error(
        "`{option}` is for groups of several processes, and the embedded log has one process per \
         group; use Kafka, or leave it out"
    )]
    OnlyKafka {
        /// The method of the builder.
        option: &'static str,
    },
    /// Kafka would refuse the name of a topic or a group, or the partitions or replicas of a topic.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Options(#[from] user_metadata_kafka::OptionsError),
    /// The embedded log can't be used, e.g. because another process reads as the same group.
    #[cfg(feature = "embedded")]
    #[error(transparent)]
    Log(#[from] user_metadata_log::OpenError),
}

/// Why a consumer does not run, or has stopped running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// It could not be built; only from [`ConsumerBuilder::run`](crate::ConsumerBuilder::run).
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A sink has failed for good, and all others have ended or failed, too.
    #[error("no sink runs any more; {sink} has failed")]
    SinkFailed {
        /// The first sink that failed.
        sink: String,
        /// Why.
        #[source]
        source: BoxError,
    },
}
