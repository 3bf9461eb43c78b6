//! A queue in one file: batches are appended at the end, read in order, and removed one by one, in
//! any order.

mod place;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::checkpoint::Checkpointer;
use crate::damaged_rows::DamagedRows;
use crate::database::{Format, create_parent, moves_log_at_end, with_suffix};
use crate::encoding::EncodedBatch;
use crate::error::{AppendError, OpenError, QueueReadError, StorageError};
use crate::lock::{WriterLock, identity};
use crate::options::LogSync;
use crate::queue_reader::{QueueContents, QueuedBatch, contents, header, next_batch};
use crate::salvage::{Damage, end_replacement, examine, replace};
use crate::wal::Log;

/// `umq1`: a queue.
pub(crate) const FORMAT: Format = Format {
    application_id: 0x756d_7131,
    version: 1,
};

/// No index: rows are found by `id` alone, and each page of an index would have to be written, too.
const SCHEMA: &str = "
    CREATE TABLE batches(
        id INTEGER PRIMARY KEY,
        count INTEGER NOT NULL,
        max_timestamp_ms INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        records BLOB NOT NULL
    ) STRICT;
";

/// The one writer of a queue.
#[derive(Debug)]
pub struct DiskQueue {
    path: PathBuf,
    /// Distinguishes the file from another at the same path.
    identity: (u64, u64),
    sync: LogSync,
    checkpointer: Checkpointer,
    // Closed last, it moves the log into the file.
    connection: Connection,
    next_id: u64,
    // Last, so that the lock is released after the file is closed.
    _lock: WriterLock,
}

/// What [`DiskQueue::open`] found.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// What can be read.
    pub contents: QueueContents,
    /// What was damaged, and where that file is now.
    pub damage: Option<Damage>,
    /// The write-ahead log ends within a page: it was cut, or the process killed while it wrote one.
    /// What it held of the last moments may be missing.
    pub is_log_torn: bool,
}

impl DiskQueue {
    /// Opens the queue at `path`, or creates it (directory mode 0700, files 0600), and reads all of
    /// it once. A damaged file is set aside under another name, and what can be read of it is
    /// copied into a new one: see [`Recovery::damage`].
    ///
    /// # Errors
    ///
    /// [`OpenError::InUse`] at once while another writer has the file, [`OpenError::NewerFormat`],
    /// and [`OpenError::Io`] or [`OpenError::Storage`] when the disk refuses.
    pub fn open(path: impl AsRef<Path>, sync: LogSync) -> Result<(Self, Recovery), OpenError> {
        let path = path.as_ref();
        create_parent(path)?;
        let lock = WriterLock::acquire(path, Duration::ZERO)?;
        end_replacement(path)?;
        let (damage, is_log_torn) = damage_of_files(path).map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
        let opened = match damage {
            Some(what) => Err(Refused::Damaged(what)),
            None => open_intact(path, sync),
        };
        let (lock, damage, (connection, contents)) = match opened {
            Ok(opened) => (lock, None, opened),
            Err(Refused::Open(error)) => return Err(error),
            Err(Refused::Damaged(what)) => {
                let (damage, lock) = replace(path, what, lock, sync)?;
                (lock, Some(damage), open_undamaged(path, sync)?)
            }
        };
        let found = Recovery {
            contents,
            damage,
            is_log_torn,
        };
        Ok((Self::new(path, sync, connection, lock)?, found))
    }

    /// Creates an empty queue at `path`, where there is no file, for the holder of `lock`.
    pub(crate) fn create(path: &Path, lock: WriterLock, sync: LogSync) -> Result<Self, OpenError> {
        let (connection, _) = open_undamaged(path, sync)?;
        Self::new(path, sync, connection, lock)
    }

    /// Moves the write-ahead log into the file, and closes it.
    pub(crate) fn finish(self) -> rusqlite::Result<WriterLock> {
        let Self {
            connection,
            checkpointer,
            _lock: lock,
            ..
        } = self;
        drop(checkpointer);
        let move_all = "PRAGMA wal_checkpoint(TRUNCATE)";
        connection.query_row(move_all, (), |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(lock)
    }

    fn new(
        path: &Path,
        sync: LogSync,
        connection: Connection,
        lock: WriterLock,
    ) -> Result<Self, OpenError> {
        let storage = |error| OpenError::Storage {
            path: path.to_owned(),
            source: StorageError(error),
        };
        let last: Option<i64> = connection
            .query_row("SELECT max(id) FROM batches", (), |row| row.get(0))
            .map_err(storage)?;
        let checkpointer = Checkpointer::start(path).map_err(storage)?;
        let file = path.metadata().map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            identity: identity(&file),
            sync,
            checkpointer,
            connection,
            next_id: last.unwrap_or(0).cast_unsigned() + 1,
            _lock: lock,
        })
    }

    /// Appends `batch` unless it is empty, and removes the batches `done`, in one transaction.
    /// Returns the id of the new batch; ids increase. When it returns, the records survive a crash
    /// of the process.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: nothing was appended and nothing removed.
    pub fn write(&mut self, batch: &EncodedBatch, done: &[u64]) -> Result<u64, AppendError> {
        batch.check_size()?;
        let id = self.write_row(batch, done).map_err(StorageError)?;
        self.checkpointer
            .written(&self.connection, batch.size_bytes(), done.len());
        Ok(id)
    }

    fn write_row(&mut self, batch: &EncodedBatch, done: &[u64]) -> rusqlite::Result<u64> {
        let id = self.next_id;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !batch.is_empty() {
            insert(&transaction, id, batch)?;
        }
        {
            let mut delete = transaction.prepare_cached("DELETE FROM batches WHERE id = ?1")?;
            for id in done {
                delete.execute([id.cast_signed()])?;
            }
        }
        transaction.commit()?;
        if !batch.is_empty() {
            self.next_id += 1;
        }
        Ok(id)
    }

    /// Reads the first batch after the one with the id `after`; 0 is before all.
    ///
    /// # Errors
    ///
    /// [`QueueReadError::Corrupt`] when it is damaged: read on after its `id`.
    pub fn next(&self, after: u64) -> Result<Option<QueuedBatch>, QueueReadError> {
        next_batch(&self.connection, after)
    }

    /// Reads the first batch after `after` that can be read at all, where [`next`](Self::next)
    /// finds the file itself damaged; `None` if there is none. It may take a second or two.
    #[must_use]
    pub fn next_readable(&self, after: u64) -> Option<QueuedBatch> {
        DamagedRows::after(&self.connection, after.cast_signed()).next()
    }
}

fn insert(transaction: &Transaction<'_>, id: u64, batch: &EncodedBatch) -> rusqlite::Result<()> {
    let count = batch.len() as u64;
    let checksum = header(id, count, batch.max_timestamp_ms).checksum(&batch.encoded);
    let row = (
        id.cast_signed(),
        count.cast_signed(),
        batch.max_timestamp_ms,
        checksum,
        &batch.encoded,
    );
    let insert = "INSERT INTO batches VALUES (?1, ?2, ?3, ?4, ?5)";
    transaction.prepare_cached(insert)?.execute(row).map(drop)
}

/// Why a file is not used as it is.
enum Refused {
    Open(OpenError),
    /// It is damaged; the text says how.
    Damaged(String),
}

/// Looks at what SQLite passes over without a word: returns what is damaged of the first bytes or of
/// the log, and whether the log ends within a page.
fn damage_of_files(path: &Path) -> io::Result<(Option<String>, bool)> {
    /// What every file that this crate makes begins with: the magic text, the page size, and that
    /// it is written through a log.
    const START: [u8; 24] = *b"SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20\x20";
    let log = Log::read(&wal_path(path))?;
    let mut start = Vec::new();
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        file => drop(file?.take(START.len() as u64).read_to_end(&mut start)?),
    }
    let is_new = start.is_empty() && log.is_none();
    if !is_new && start != START {
        return Ok((Some("its first bytes are no queue's".to_owned()), false));
    }
    let is_torn = log.as_ref().is_some_and(|log| log.is_torn);
    Ok((log.and_then(|log| log.damage()), is_torn))
}

/// Opens a file in which every batch can be read.
fn open_intact(path: &Path, sync: LogSync) -> Result<(Connection, QueueContents), Refused> {
    let opened = FORMAT.open_writable(path, sync, |transaction| transaction.execute_batch(SCHEMA));
    let connection = opened.map_err(|error| match error {
        OpenError::Foreign { .. } => Refused::Damaged("it is no queue".to_owned()),
        OpenError::Storage { source, .. } if source.is_damage_at_opening() => {
            Refused::Damaged(source.to_string())
        }
        error => Refused::Open(error),
    })?;
    let storage = |error| {
        let source = StorageError(error);
        if source.is_damage_at_opening() {
            Refused::Damaged(source.to_string())
        } else {
            Refused::Open(OpenError::Storage {
                path: path.to_owned(),
                source,
            })
        }
    };
    let set = |name, value: i32| connection.pragma_update(None, name, value).map_err(storage);
    // The checkpointer does it, so that no write waits for the disk.
    set("wal_autocheckpoint", 0)?;
    // In KiB: what is written is soon removed, and that reads its pages again.
    set("cache_size", -8_192)?;
    let moves = |moves| moves_log_at_end(&connection, moves).map_err(storage);
    moves(false)?;
    if let Some(what) = examine(&connection).map_err(storage)? {
        return Err(Refused::Damaged(what));
    }
    let contents = contents(&connection).map_err(storage)?;
    moves(true)?;
    Ok((connection, contents))
}

/// Opens a file that was just created.
fn open_undamaged(path: &Path, sync: LogSync) -> Result<(Connection, QueueContents), OpenError> {
    open_intact(path, sync).map_err(|refused| match refused {
        Refused::Open(error) => error,
        Refused::Damaged(_) => OpenError::Foreign {
            path: path.to_owned(),
        },
    })
}

pub(crate) fn wal_path(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}
