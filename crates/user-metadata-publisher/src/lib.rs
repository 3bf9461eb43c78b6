#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "disk"),
    allow(dead_code, reason = "what only the outbox on disk uses")
)]

mod accounting;
mod backoff;
mod delivered;
#[cfg(feature = "disk")]
mod disk;
mod disk_handle;
#[cfg(feature = "disk")]
mod disk_outbox;
#[cfg(feature = "embedded")]
mod embedded;
#[cfg(any(feature = "disk", feature = "embedded"))]
mod encode;
mod error;
mod health;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "embedded")]
mod log_thread;
mod losses;
mod metrics;
mod options;
mod outbox;
mod partition_queue;
mod publisher;
mod receipt;
mod relay;
mod spool;
mod state;
#[cfg(test)]
mod testing;
mod transport;
mod watch;
mod write_job;
mod write_queue;

pub use accounting::{Accounting, DropReason, Dropped};
#[cfg(feature = "disk")]
pub use disk_outbox::DiskOutbox;
#[cfg(feature = "embedded")]
pub use embedded::{LogTarget, embedded};
pub use error::PublishError;
pub use health::PublisherStatus;
#[cfg(feature = "disk")]
pub use kafka::kafka_on_disk;
#[cfg(feature = "kafka")]
pub use kafka::{KafkaTarget, kafka};
pub use options::PublisherOptions;
pub use publisher::{Publisher, PublisherMonitor, PublisherTask};

// Types of other crates in this crate's signatures, so that one `use` is enough.
pub use user_metadata_events::UserMetadataEvent;
#[cfg(feature = "kafka")]
pub use user_metadata_kafka::{
    Compression, KafkaOptions, OptionsError, SaslMechanism, SaslOptions, Secret, TlsOptions,
    TopicSpec,
};
#[cfg(feature = "embedded")]
pub use user_metadata_log::{DataDir, LogOptions};
#[cfg(any(feature = "disk", feature = "embedded"))]
pub use user_metadata_log::{LogSync, OpenError};
