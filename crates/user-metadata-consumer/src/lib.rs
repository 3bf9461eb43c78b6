#![doc = include_str!("../README.md")]

mod delivery;
mod sink;
mod topic_writer;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(any(feature = "kafka", feature = "embedded"))]
mod consumer;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(any(feature = "kafka", feature = "embedded", feature = "conformance"))]
mod metrics;
#[cfg(any(feature = "kafka", feature = "embedded"))]
mod partition_batches;
#[cfg(any(feature = "kafka", feature = "embedded", feature = "conformance"))]
mod pipeline;
#[cfg(any(feature = "kafka", feature = "embedded"))]
mod replay;
#[cfg(any(feature = "kafka", feature = "embedded", feature = "conformance"))]
mod status;

pub use delivery::{Delivery, Position};
pub use sink::{BoxError, Rejection, Sink, SinkError};
pub use topic_writer::TopicWriter;

#[cfg(any(feature = "kafka", feature = "embedded"))]
pub use consumer::{
    BuildError, ConfigCheck, Consumer, ConsumerBuilder, RunError, SinkSummary, StartFrom, Summary,
};
#[cfg(feature = "embedded")]
pub use embedded::LogTopicWriter;
#[cfg(feature = "kafka")]
pub use kafka::KafkaTopicWriter;
#[cfg(any(feature = "kafka", feature = "embedded"))]
pub use replay::{
    LetterCount, PartitionCount, Replay, ReplayCount, ReplayCounter, ReplayError, ReplayProgress,
    ReplayRequest, SinkProgress,
};
#[cfg(any(feature = "kafka", feature = "embedded"))]
pub use status::{
    ConsumerHealth, ConsumerStatus, PartitionStatus, SinkProblem, SinkState, SinkStatus,
};

// The types of other crates in this crate's signatures, so that one `use` is enough.
pub use user_metadata_events::{Record, UnixMillis, UserMetadataEvent};
#[cfg(feature = "kafka")]
pub use user_metadata_kafka::{
    ConsumeError, GroupProtocol, KafkaOptions, OptionsError, SaslMechanism, SaslOptions, Secret,
    TlsOptions, TopicSpec,
};
#[cfg(feature = "embedded")]
pub use user_metadata_log::{OpenError, ReadError};
