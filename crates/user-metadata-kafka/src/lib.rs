#![cfg_attr(
    all(feature = "consume", feature = "produce"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(feature = "consume", feature = "produce")),
    doc = "The Kafka client of user-metadata; see the README, whose examples need all features."
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

/// How much of the clients' own logs a program should show, as directives of a log filter. During an
/// outage they log every attempt. This crate returns what matters as errors: all that rskafka logs,
/// all that krafka logs below the level `error`, and all that krafka logs about groups.
pub const CLIENT_LOG_LIMITS: [&str; 3] =
    ["krafka=error", "krafka::consumer::group=off", "rskafka=off"];
