//! What is done about a damaged queue: it is kept under another name, and what can be read of it
//! goes into a new one.

use std::fs::{copy, remove_file, rename};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags};

use crate::damaged_rows::{DamagedRows, Found};
use crate::database::with_suffix;
use crate::error::{AppendError, OpenError, StorageError};
use crate::lock::WriterLock;
use crate::options::LogSync;
use crate::queue::{DiskQueue, wal_path};
use crate::queue_reader::{COLUMNS, QueuedBatch, read_row};
use crate::wal::{has_damaged_header, mend, mend_header};

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
    /// The records of damaged batches, as far as those still tell how many they held.
    pub lost: u64,
}

/// The suffixes of a database and of what SQLite puts beside it.
const ALL: [&str; 3] = ["", "-wal", "-shm"];

/// Reads everything once; says what is wrong, if something is.
pub(crate) fn examine(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare("PRAGMA quick_check(1)")?;
    let verdict: String = statement.query_row((), |row| row.get(0))?;
    if verdict != "ok" {
        return Ok(Some(verdict));
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
    let mut queue = DiskQueue::create(&new, lock, sync)?;
    let salvaged = salvage(path, &mut queue);
    remove_if_there(&mended_path(path), ALL).map_err(io)?;
    let (read, lost) = salvaged?;
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
        lost,
    };
    Ok((damage, lock))
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

fn remove_if_there<const N: usize>(path: &Path, suffixes: [&str; N]) -> io::Result<()> {
    let files = suffixes.map(|suffix| with_suffix(path, suffix));
    let mut there = files.iter().filter(|file| file.exists());
    there.try_for_each(remove_file)
}

fn replacement_path(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

fn mended_path(path: &Path) -> PathBuf {
    with_suffix(path, ".mended")
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
/// were read and how many are lost.
///
/// It is read as SQLite does and, where SQLite would leave out what can be read, also mended. Behind
/// a power cut the mended one alone may lack what is safe in the other: pages that were not synced
/// are old ones, or zeros. The other alone ends at the first damage. What was removed after that
/// comes once more; nothing is lost.
fn salvage(damaged: &Path, queue: &mut DiskQueue) -> Result<(u64, u64), OpenError> {
    let mended = mended_copy(damaged).map_err(|source| in_file(damaged, source))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let [own, other] = [Some(damaged), mended.as_deref()]
        .map(|path| Connection::open_with_flags(path?, flags).ok());
    let mut own = own.iter().flat_map(DamagedRows::new).peekable();
    let mut other = other.iter().flat_map(DamagedRows::new).peekable();
    let (mut read, mut lost) = (0, 0);
    while let Some(id) = [own.peek(), other.peek()]
        .into_iter()
        .flatten()
        .map(|(id, _)| *id)
        .min()
    {
        let of_id = |(next, _): &Found| *next == id;
        let mut found = vec![own.next_if(of_id), other.next_if(of_id)];
        // An id may have been given anew after a restart; then both are kept.
        found.dedup();
        let found = found.into_iter().flatten().map(|(_, records)| records);
        let (intact, unreadable): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
        for QueuedBatch { records, .. } in intact.iter().flatten() {
            match queue.write(records, &[]) {
                Ok(_) => read += records.len() as u64,
                Err(AppendError::DiskFull(source) | AppendError::Storage(source)) => {
                    return Err(in_storage(damaged, source));
                }
                Err(_) => lost += records.len() as u64,
            }
        }
        if intact.is_empty() {
            lost += unreadable
                .into_iter()
                .filter_map(Result::err)
                .max()
                .unwrap_or(0);
        }
    }
    Ok((read, lost))
}

/// A copy of a file of which SQLite reads all there is, where it does not of the file itself.
fn mended_copy(damaged: &Path) -> io::Result<Option<PathBuf>> {
    let (wal, copied) = (wal_path(damaged), mended_path(damaged));
    let is_headless = has_damaged_header(damaged);
    if !is_headless && crate::wal::damage(&wal).is_none() {
        return Ok(None);
    }
    copy(damaged, &copied)?;
    if is_headless {
        mend_header(&copied)?;
    }
    if wal.exists() {
        copy(wal, wal_path(&copied))?;
        mend(&wal_path(&copied))?;
    }
    Ok(Some(copied))
}
