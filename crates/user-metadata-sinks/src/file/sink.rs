use std::io;
use std::num::NonZeroU32;
use std::path::Path;

use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use super::lines::LineFile;
use crate::OpenError;
use crate::ndjson::encode;
use crate::url::FileTarget;
use crate::worker::Worker;

/// Appends events to a file as newline-delimited JSON, and begins a new file when it is full.
///
/// A batch is synced to disk before it counts as stored. The file has whole lines only: a line
/// that a crash or a full disk has left incomplete is cut off. A batch is delivered again if the
/// process ended before its position was committed, so a reader may see events twice: deduplicate by `id`.
///
/// Dropping it waits until the file is closed and another process may write it; where that must not
/// block, drop it on a thread that may, e.g. with tokio's `spawn_blocking`.
#[derive(Debug)]
pub struct FileSink {
    worker: Worker<Vec<u8>, io::Result<()>>,
}

/// When a file is full, and how many full ones stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A batch that would make the file larger begins a new one.
    pub max_bytes: u64,
    /// How many full files stay, `PATH.1` the newest; the oldest is deleted.
    pub keep: NonZeroU32,
}

impl FileSink {
    /// Opens the file; creates it (0600) and its directory (0700) if they are missing. Without
    /// `rotation` it grows for ever.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: not a file of this sink, in use, or not writable.
    pub fn open(path: impl AsRef<Path>, rotation: Option<Rotation>) -> Result<Self, OpenError> {
        let mut file = LineFile::open(path.as_ref(), rotation)?;
        let append = move |lines: Vec<u8>| file.append(&lines);
        let worker = Worker::start("file-sink", append).map_err(OpenError::Start)?;
        Ok(Self { worker })
    }

    pub(crate) fn open_target(target: &FileTarget) -> Result<Self, OpenError> {
        let keep = target.keep;
        let rotation = target.rotate.map(|max_bytes| Rotation { max_bytes, keep });
        Self::open(&target.path, rotation)
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        self.worker.join();
    }
}

impl Sink for FileSink {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let (lines, rejections) = encode(batch);
        let written = self.worker.run(lines).await?;
        written.map_err(SinkError::unavailable)?;
        Ok(rejections)
    }
}
