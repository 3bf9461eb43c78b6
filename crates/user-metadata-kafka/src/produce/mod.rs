//! Topics and producing, on rskafka.

mod classify;
mod compression;
mod error;
mod producer;
mod session;

pub use compression::{Compression, UnknownCompression};
pub use error::{ConnectError, ProduceError};
pub use producer::{Producer, ensure_topic};
