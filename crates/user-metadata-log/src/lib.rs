#![doc = include_str!("../README.md")]

mod append_once;
mod data_dir;
mod database;
mod encoding;
mod error;
mod lock;
mod options;
mod positions;
mod reader;
mod record;
mod retention;
mod writer;

pub use append_once::append_once;
pub use data_dir::DataDir;
pub use error::{AppendError, AppendOnceError, OpenError, ReadError, StorageError};
pub use options::{LogOptions, LogSync};
pub use positions::GroupPositions;
pub use reader::LogReader;
pub use record::{Batch, LogRecord, Stored};
pub use retention::Removed;
pub use writer::LogWriter;
