#![cfg_attr(
    all(feature = "consume", feature = "produce"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(feature = "consume", feature = "produce")),
    doc = "What user-metadata needs of Kafka; see the README, whose examples need all features."
)]

mod error;
mod options;
mod record;
mod security;
mod topic;

#[cfg(feature = "consume")]
mod consume;
#[cfg(feature = "produce")]
mod produce;

pub use error::BoxError;
pub use options::{KafkaOptions, OptionsError};
pub use record::KafkaRecord;
pub use security::{Refusal, SaslMechanism, SaslOptions, Secret, TlsOptions};
pub use topic::{TopicSpec, TopicState};

#[cfg(feature = "consume")]
pub use consume::{
    ConsumeError, ConsumeStart, GroupConsumer, GroupEvent, GroupOptions, GroupProtocol,
    GroupRecord, PartitionBounds, PartitionLag, TopicAdmin, TopicReader,
};
#[cfg(feature = "produce")]
pub use produce::{
    Compression, ConnectError, ParseCompressionError, ProduceError, Producer, RecordBatch,
    ensure_topic,
};

/// How much of the clients' own logs a program should show, as directives of a log filter. In an
/// outage they log with every attempt. What matters of it this crate returns: everything of
/// rskafka, whose errors are the answers of brokers, and all but the errors of krafka; of those all
/// about groups.
pub const CLIENT_LOG_LIMITS: [&str; 3] =
    ["krafka=error", "krafka::consumer::group=off", "rskafka=off"];
