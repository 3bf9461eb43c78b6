#![doc = include_str!("../README.md")]

mod append_once;
mod batch_header;
mod checkpoint;
mod damaged_rows;
mod data_dir;
mod database;
mod encoding;
mod error;
mod holes;
mod lock;
mod options;
mod page;
mod pages;
mod positions;
mod queue;
mod queue_reader;
mod reader;
mod record;
mod retention;
mod rows;
mod salvage;
mod wal;
mod writer;

pub use append_once::append_once;
pub use data_dir::DataDir;
pub use encoding::{EncodedBatch, RecordRef, Records};
pub use error::{AppendError, AppendOnceError, OpenError, QueueReadError, ReadError, StorageError};
pub use options::{LogOptions, LogSync};
pub use positions::GroupPositions;
pub use queue::{DiskQueue, Recovery};
pub use queue_reader::{DiskQueueReader, QueueContents, QueuedBatch};
pub use reader::LogReader;
pub use record::{Batch, LogRecord, StoredRecord};
pub use retention::RetentionReport;
pub use salvage::Damage;
pub use writer::LogWriter;
