use std::path::PathBuf;

use user_metadata_log::{DiskQueue, LogSync, OpenError, Recovery};

use crate::spool::Spool;

/// An outbox on disk, so that accepted events survive a crash of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskOutbox {
    /// The file, which one publisher at a time uses. It is created if it does not exist.
    pub path: PathBuf,
    /// The most bytes that may wait in it; beyond that, new events are refused. The write-ahead log
    /// beside the file (about 128 MiB at most) is not included. Default 1 GiB.
    pub max_bytes: u64,
    /// What an event that is on disk survives.
    pub sync: LogSync,
}

impl DiskOutbox {
    /// An outbox in this file, of up to 1 GiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: 1 << 30,
            sync: LogSync::default(),
        }
    }

    /// Opens the file. A disk that refuses is not an error: the outbox is in memory until the file
    /// can be opened.
    pub(crate) fn open(&self) -> Result<OpenedDisk, OpenError> {
        match DiskQueue::open(&self.path, self.sync) {
            Ok((queue, found)) => Ok(OpenedDisk::Queue(Box::new(queue), found)),
            Err(error @ (OpenError::Io { .. } | OpenError::Storage { .. })) => {
                Ok(OpenedDisk::Refused(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// The result of opening the file.
pub(crate) enum OpenedDisk {
    Queue(Box<DiskQueue>, Recovery),
    Refused(OpenError),
}

impl Spool {
    pub(crate) fn of(options: &DiskOutbox) -> Self {
        Self::new(options.max_bytes)
    }
}
