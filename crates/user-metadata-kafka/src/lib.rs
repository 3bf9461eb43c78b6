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
    ConsumeError, ConsumeStart, GroupConsumer, GroupEvent, GroupOptions, GroupRecord, PartitionLag,
};
#[cfg(feature = "produce")]
pub use produce::{
    Compression, ConnectError, ProduceError, Producer, UnknownCompression, ensure_topic,
};

/// The targets under which the clients log. In an outage they do so with every attempt; what
/// matters of it this crate returns, so a program may keep all but their errors out of its log.
pub const CLIENT_LOG_TARGETS: [&str; 2] = ["krafka", "rskafka"];
