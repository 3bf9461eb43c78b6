//! Moves a write-ahead log into its database without any write waiting for the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::StorageError;

/// A thread that does the two syncs of a checkpoint while the writer writes on. What was written
/// meanwhile the writer moves itself, so that the log starts over at its beginning.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    /// Dropped first, which ends the thread.
    requests: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// The thread has moved what was there when it was asked.
    is_done: Arc<AtomicBool>,
    /// Pages in the log since it started over, estimated.
    pages: usize,
    is_asked: bool,
}

impl Checkpointer {
    /// 8 MiB: how large the log gets before it is moved.
    const PAGES: usize = 2_000;
    const PAGE_BYTES: usize = 4_096;
    /// How often the thread is told that it is over; none of its work is bounded by it.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub(crate) fn start(path: &Path) -> Result<Self, StorageError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Self::PATIENCE)?;
        let (requests, received) = sync_channel(1);
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        let thread = thread::Builder::new()
            .name("user-metadata-checkpoint".to_owned())
            .spawn(move || {
                while received.recv() == Ok(()) {
                    // One that fails is tried again with the next request; until then the log grows.
                    drop(checkpoint(&connection));
                    done.store(true, Ordering::Release);
                }
            });
        Ok(Self {
            requests: Some(requests),
            // Without a thread the writer does it all.
            thread: thread.ok(),
            is_done,
            pages: 0,
            is_asked: false,
        })
    }

    /// Notes a transaction of so many bytes that has removed so many rows.
    pub(crate) fn written(&mut self, connection: &Connection, bytes: usize, removed: usize) {
        self.pages += 3 + bytes.div_ceil(Self::PAGE_BYTES) + removed.min(64);
        if self.pages < Self::PAGES {
            return;
        }
        let is_alone = self.thread.is_none();
        if !self.is_asked && !is_alone {
            self.is_asked = true;
            // A full channel holds a request that was not begun yet.
            self.requests.as_ref().map(|requests| requests.try_send(()));
        } else if is_alone || self.is_done.swap(false, Ordering::Acquire) {
            self.is_asked = false;
            self.pages = checkpoint(connection).unwrap_or_default();
        }
    }
}

/// Moves what can be moved without anybody waiting; returns how many pages are left.
fn checkpoint(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
        let (all, moved): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(usize::try_from(all - moved).unwrap_or(0))
    })
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say; a panic of it is no reason for another.
            drop(thread.join());
        }
    }
}
