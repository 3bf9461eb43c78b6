//! Checkpoints a write-ahead log while hardly any write waits for the disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::database::moves_log_at_end;

/// A thread that does the two syncs of a checkpoint while the writer goes on. The log starts over
/// at its beginning when nothing was written meanwhile. If that never happens, the writer finishes
/// a checkpoint itself, which takes as long as the disk does: once in
/// [`MOST_PAGES`](Self::MOST_PAGES).
#[derive(Debug)]
pub(crate) struct Checkpointer {
    /// Dropped first, which ends the thread.
    requests: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// What the thread found at the last request.
    answer: Arc<AtomicUsize>,
    /// Pages in the log since it started over, estimated.
    pages: usize,
    /// At this many pages the thread is asked again.
    asks_at: usize,
    is_asked: bool,
}

/// In `answer`: the thread has not finished yet.
const WORKING: usize = usize::MAX;

impl Checkpointer {
    /// 8 MiB: how much is written before it is moved.
    const PAGES: usize = 2_000;
    /// 128 MiB: how large the log gets before the writer waits for the disk.
    const MOST_PAGES: usize = 32_000;
    const PAGE_BYTES: usize = 4_096;
    /// How long opening waits for another process that opens the file.
    const PATIENCE: Duration = Duration::from_secs(5);

    pub(crate) fn start(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Self::PATIENCE)?;
        // The writer does it.
        moves_log_at_end(&connection, false)?;
        let (requests, received) = sync_channel(1);
        let answer = Arc::new(AtomicUsize::new(WORKING));
        let answers = Arc::clone(&answer);
        let thread = thread::Builder::new()
            .name("user-metadata-checkpoint".to_owned())
            .spawn(move || run(&connection, &received, &answers));
        Ok(Self {
            requests: Some(requests),
            // Without a thread the writer does all of it.
            thread: thread.ok(),
            answer,
            pages: 0,
            asks_at: Self::PAGES,
            is_asked: false,
        })
    }

    /// Notes a transaction of `bytes` that has removed `removed` rows.
    pub(crate) fn written(&mut self, connection: &Connection, bytes: usize, removed: usize) {
        self.pages += 3 + bytes.div_ceil(Self::PAGE_BYTES) + removed.min(64);
        let answer = self.answer.swap(WORKING, Ordering::AcqRel);
        if self.is_asked && answer != WORKING {
            self.is_asked = false;
            self.pages = answer;
            self.asks_at = self.pages + Self::PAGES;
            // What is left is what was written since: the least that a wait can be.
            if self.pages >= Self::MOST_PAGES {
                return self.end(connection);
            }
        }
        if self.pages < self.asks_at || self.is_asked {
            return;
        }
        if self.thread.is_none() {
            return self.end(connection);
        }
        self.is_asked = true;
        // A full channel holds a request that the thread has not begun yet.
        self.requests.as_ref().map(|requests| requests.try_send(()));
    }

    fn end(&mut self, connection: &Connection) {
        // One that fails is tried again; until then the log grows.
        drop(checkpoint(connection));
        self.pages = 0;
        self.asks_at = Self::PAGES;
    }
}

/// Runs a checkpoint at each request, and reports how many pages the log had. When nothing was
/// written meanwhile the next write starts it over.
fn run(connection: &Connection, requests: &Receiver<()>, answer: &AtomicUsize) {
    /// Each moves only what was written during the one before, and so takes less time.
    const PASSES: u32 = 3;
    while requests.recv() == Ok(()) {
        let mut pages = 0;
        for _ in 0..PASSES {
            let before = pages;
            pages = checkpoint(connection).unwrap_or(before);
            if pages == before {
                break;
            }
        }
        answer.store(pages, Ordering::Release);
    }
}

/// Moves what can be moved without blocking anybody; returns how many pages the log had.
fn checkpoint(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
        Ok(usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0))
    })
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It returns nothing; its panic is no reason for another one.
            drop(thread.join());
        }
    }
}
