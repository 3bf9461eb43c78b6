use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use tokio::sync::oneshot;
use tracing::warn;
use user_metadata_events::EncodedEvent;
use user_metadata_log::{DataDir, LogOptions, LogWriter, OpenError};

use crate::log_thread::{Append, LogThread};
use crate::transport::{Reason, SendError, Transport};
use crate::{Publisher, PublisherOptions, PublisherTask};

/// Where and how to publish to the embedded log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogTarget {
    /// The directory of the log, which one publisher at a time uses.
    pub dir: DataDir,
    /// The layout of the log and how much of it is kept.
    pub options: LogOptions,
}

impl LogTarget {
    /// The log in this directory, which is created if it does not exist, with 3 partitions, kept
    /// for 7 days and up to 1 GiB.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: DataDir::new(dir),
            options: LogOptions::default(),
        }
    }
}

/// Makes a publisher to the embedded log. An appended event is a delivered one. The log has its own
/// writer thread, which ends with the task. Blocks while it opens the file.
///
/// # Errors
///
/// [`OpenError`]: the directory can't be used, e.g. since another process publishes to it.
pub fn embedded(
    target: LogTarget,
    options: PublisherOptions,
) -> Result<(Publisher, PublisherTask), OpenError> {
    Ok(Publisher::new(
        LogTransport::open(target, options.source.clone())?,
        options,
    ))
}

struct LogTransport {
    partitions: NonZeroU32,
    /// To the thread, which ends when this is dropped.
    appends: SyncSender<Append>,
    /// Resolves when the thread has closed the log.
    closed: oneshot::Receiver<()>,
}

impl LogTransport {
    fn open(target: LogTarget, source: String) -> Result<Self, OpenError> {
        let path = target.dir.topic_path();
        let requested = target.options.partitions;
        let writer = LogWriter::open(&path, target.options)?;
        let partitions = writer.partitions();
        if partitions != requested {
            warn!(
                partitions,
                requested,
                "the log has a different number of partitions than requested; it is left as it is",
            );
        }
        // One append per partition is in flight at a time.
        let (appends, received) = sync_channel(partitions.get() as usize);
        let (open, closed) = oneshot::channel();
        let thread = LogThread::new(writer, target.dir.groups_path(), source);
        spawn(&path, move || {
            thread.run(&received);
            drop(open);
        })?;
        Ok(Self {
            partitions,
            appends,
            closed,
        })
    }
}

fn spawn(path: &Path, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
    match thread::Builder::new()
        .name("user-metadata-log".to_owned())
        .spawn(run)
    {
        Ok(_) => Ok(()),
        Err(source) => Err(OpenError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

impl Transport for LogTransport {
    async fn connect(&self) -> Result<(), SendError> {
        Ok(())
    }

    fn partitions(&self) -> NonZeroU32 {
        self.partitions
    }

    async fn send(&self, partition: u32, events: Arc<Vec<EncodedEvent>>) -> Result<u64, SendError> {
        let gone = || SendError::Unavailable(Reason::new("the log's thread has ended"));
        let (done, offset) = oneshot::channel();
        self.appends
            .try_send(Append {
                partition,
                events,
                done,
            })
            .map_err(|_| gone())?;
        offset.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn close(self) {
        drop(self.appends);
        // An error means that the other half was dropped, which is what this waits for.
        drop(self.closed.await);
    }
}
