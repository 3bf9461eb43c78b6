#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(all(feature = "kafka", feature = "embedded")),
    allow(dead_code, reason = "what only the carrier that is left out would use")
)]

mod accounting;
mod backoff;
mod delivered;
#[cfg(feature = "embedded")]
mod embedded;
mod error;
mod health;
#[cfg(feature = "kafka")]
mod kafka;
mod lane;
#[cfg(feature = "embedded")]
mod log_thread;
mod losses;
mod metrics;
mod options;
mod outbox;
mod publisher;
mod relay;
#[cfg(test)]
mod testing;
mod transport;
mod watch;

pub use accounting::{Accounting, DropReason, Dropped};
#[cfg(feature = "embedded")]
pub use embedded::{LogTarget, embedded};
pub use error::PublishError;
pub use health::PublisherStatus;
#[cfg(feature = "kafka")]
pub use kafka::{KafkaTarget, kafka};
pub use options::PublisherOptions;
pub use publisher::{Publisher, PublisherMonitor, PublisherTask};

// The types of the neighbours that stand in this crate's signatures, so that one `use` is enough.
pub use user_metadata_events::UserMetadataEvent;
#[cfg(feature = "kafka")]
pub use user_metadata_kafka::{
    Compression, KafkaOptions, OptionsError, SaslMechanism, SaslOptions, Secret, TlsOptions,
    TopicSpec,
};
#[cfg(feature = "embedded")]
pub use user_metadata_log::{DataDir, LogOptions, LogSync, OpenError};
