use std::path::PathBuf;

use user_metadata_log::{DiskQueue, LogSync, OpenError, Recovery};

use crate::spool::Spool;

/// An outbox on disk, so that what was accepted survives a crash of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskOutbox {
    /// The file, which one publisher at a time has. It is made if it is not there.
    pub path: PathBuf,
    /// What may wait in it, in bytes; beyond that the newest events are refused. The write-ahead log
    /// beside the file (about 128 MiB at the most) comes on top. Default 1 GiB.
    pub max_bytes: u64,
    /// What an event that is on disk survives.
    pub sync: LogSync,
}

impl DiskOutbox {
    /// The outbox in this file, of up to 1 GiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            max_bytes: 1 << 30,
            sync: LogSync::default(),
        }
    }

    /// Opens the file. A disk that refuses is no error: the outbox is in memory until it takes the
    /// file.
    pub(crate) fn open(&self) -> Result<OpenedDisk, OpenError> {
        match DiskQueue::open(&self.path, self.sync) {
            Ok((queue, found)) => Ok(OpenedDisk::Queue(queue, found)),
            Err(error @ (OpenError::Io { .. } | OpenError::Storage { .. })) => {
                Ok(OpenedDisk::Refused(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// What came of opening the file.
pub(crate) enum OpenedDisk {
    Queue(DiskQueue, Recovery),
    Refused(OpenError),
}

impl Spool {
    pub(crate) fn of(options: &DiskOutbox) -> Self {
        Self::new(options.max_bytes)
    }
}
