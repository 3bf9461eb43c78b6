//! Reading again what the topic holds: events from a time or an offset, or dead letters.

mod count;
mod cursor;
mod error;
mod inputs;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "embedded")]
mod log;
mod plan;
mod progress;
mod replayer;
mod report;
mod request;

pub use count::{LetterCount, PartitionCount, ReplayCount, ReplayCounter};
pub use error::ReplayError;
#[cfg(feature = "kafka")]
pub(crate) use kafka::KafkaReplay;
#[cfg(feature = "embedded")]
pub(crate) use log::LogReplay;
pub use progress::{ReplayProgress, SinkProgress};
pub use replayer::Replay;
pub(crate) use replayer::{ReplaySettings, open};
pub use request::ReplayRequest;
