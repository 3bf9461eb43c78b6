//! Topics and producing, on rskafka.

mod batch;
mod classify;
mod compression;
mod error;
mod producer;
mod session;

pub use batch::RecordBatch;
pub use compression::{Compression, ParseCompressionError};
pub use error::{ConnectError, ProduceError};
pub use producer::{Producer, ensure_topic};
