//! What is done about a damaged queue: it is kept under another name, and what can be read of it
//! goes into a new one.

use std::fs::{remove_file, rename};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::Connection;

use crate::database::with_suffix;
use crate::error::{AppendError, OpenError, StorageError};
use crate::lock::{WriterLock, owner_only};
use crate::options::LogSync;
use crate::pages::Pages;
use crate::queue::{DiskQueue, wal_path};
use crate::queue_reader::{COLUMNS, QueuedBatch, read_row};
use crate::rows::{Lost, Rows};

/// A queue that could not be read as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// What was wrong, in words.
    pub what: String,
    /// Where the damaged file is now.
    pub kept_as: PathBuf,
    /// The records that could be read; they are in the new queue.
    pub read: u64,
    /// The records that are lost for certain.
    pub lost: u64,
    /// Unless those are all: how many batches are missing in what can't be read. Each of them is lost
    /// or had been removed before.
    pub missing_batches: Option<u64>,
}

/// The suffixes of a database and of what SQLite puts beside it.
const ALL: [&str; 3] = ["", "-wal", "-shm"];

/// Reads everything once; says what is wrong, if something is.
pub(crate) fn examine(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare("PRAGMA quick_check(1)")?;
    let verdict: String = statement.query_row((), |row| row.get(0))?;
    if verdict != "ok" {
        // A heading comes first.
        return Ok(verdict.lines().last().map(str::to_owned));
    }
    let mut statement =
        connection.prepare(&format!("SELECT {COLUMNS} FROM batches ORDER BY id"))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        if let Err((id, _)) = read_row(row)? {
            return Ok(Some(format!("the checksum of batch {id} does not match")));
        }
    }
    Ok(None)
}

/// Puts a new queue in the place of the damaged one at `path`, with what can be read of it. The new
/// one is made beside it, so that whoever is killed on the way leaves one of both complete.
pub(crate) fn replace(
    path: &Path,
    what: String,
    lock: WriterLock,
    sync: LogSync,
) -> Result<(Damage, WriterLock), OpenError> {
    let io = |source| in_file(path, source);
    let new = replacement_path(path);
    remove_if_there(&new, ALL).map_err(io)?;
    // Even if only the log is left, there is a file: without one, `new` would count as complete.
    let mut file = owner_only();
    file.append(true).create(true).open(path).map_err(io)?;
    let mut queue = DiskQueue::create(&new, lock, sync)?;
    let (read, lost) = salvage(path, &mut queue)?;
    let lock = queue
        .finish()
        .map_err(|error| in_storage(path, StorageError(error)))?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let kept_as = with_suffix(
        path,
        &format!(".damaged-{}", now.unwrap_or_default().as_millis()),
    );
    // From here on the new one is complete, and known as such by the absence of the other.
    rename(path, &kept_as).map_err(io)?;
    if wal_path(path).exists() {
        rename(wal_path(path), wal_path(&kept_as)).map_err(io)?;
    }
    end_replacement(path)?;
    let damage = Damage {
        what,
        kept_as,
        read,
        lost: lost.records,
        missing_batches: lost.missing,
    };
    Ok((damage, lock))
}

/// Creates the file at `path` again, with what `fill` puts in.
pub(crate) fn put_back(
    path: &Path,
    lock: WriterLock,
    sync: LogSync,
    fill: impl FnOnce(&mut DiskQueue) -> Result<(), StorageError>,
) -> Result<WriterLock, OpenError> {
    if path.exists() {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    let new = replacement_path(path);
    remove_if_there(&new, ALL).map_err(|source| in_file(path, source))?;
    let mut queue = DiskQueue::create(&new, lock, sync)?;
    let filled = fill(&mut queue).and_then(|()| queue.finish().map_err(StorageError));
    let lock = filled.map_err(|source| in_storage(path, source))?;
    end_replacement(path)?;
    Ok(lock)
}

/// Goes on where a replacement was interrupted after the damaged file had got another name.
pub(crate) fn end_replacement(path: &Path) -> Result<(), OpenError> {
    let io = |source| in_file(path, source);
    let new = replacement_path(path);
    if path.exists() || !new.exists() {
        return Ok(());
    }
    // Of the damaged file, all of which was read; it is not to be taken for that of the new one.
    remove_if_there(path, ["-wal", "-shm"]).map_err(io)?;
    rename(new, path).map_err(io)
}

/// Removes a file that was just made, with what is beside it.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    remove_if_there(path, ALL)
}

fn remove_if_there<const N: usize>(path: &Path, suffixes: [&str; N]) -> io::Result<()> {
    let files = suffixes.map(|suffix| with_suffix(path, suffix));
    let mut there = files.iter().filter(|file| file.exists());
    there.try_for_each(remove_file)
}

fn replacement_path(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

fn in_storage(path: &Path, source: StorageError) -> OpenError {
    OpenError::Storage {
        path: path.to_owned(),
        source,
    }
}

fn in_file(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Copies what can be read of the file `damaged` into `queue`, in order; returns how many records
/// were read and what is lost.
fn salvage(damaged: &Path, queue: &mut DiskQueue) -> Result<(u64, Lost), OpenError> {
    let io = |source| in_file(damaged, source);
    let rows = Pages::open(damaged).and_then(Rows::find).map_err(io)?;
    let (mut read, mut lost) = (0, rows.lost());
    for batch in rows.batches() {
        let QueuedBatch { records, .. } = batch.map_err(io)?;
        match queue.write(&records, &[]) {
            Ok(_) => read += records.len() as u64,
            Err(AppendError::DiskFull(source) | AppendError::Storage(source)) => {
                return Err(in_storage(damaged, source));
            }
            Err(_) => lost.records += records.len() as u64,
        }
    }
    Ok((read, lost))
}
