//! What is done about a damaged queue: it is kept under another name, and what can be read of it
//! goes into a new one.

use std::fs::{remove_file, rename};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::database::with_suffix;
use crate::error::{AppendError, OpenError, StorageError};
use crate::lock::WriterLock;
use crate::options::LogSync;
use crate::queue::{DiskQueue, wal_path};
use crate::queue_reader::{COLUMNS, QueuedBatch, read_row};

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

/// Reads everything once; says what is wrong, if something is.
pub(crate) fn examine(connection: &Connection) -> Result<Option<String>, StorageError> {
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
    remove_if_there(&new, ["", "-wal", "-shm"]).map_err(io)?;
    let mut queue = DiskQueue::create(&new, lock, sync)?;
    let storage = |source| OpenError::Storage {
        path: path.to_owned(),
        source,
    };
    let (read, lost) = salvage(path, &mut queue).map_err(storage)?;
    let lock = queue.finish().map_err(storage)?;
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

fn in_file(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Copies what can be read of the file `damaged` into `queue`, in order; returns how many records
/// were read and how many are lost.
fn salvage(damaged: &Path, queue: &mut DiskQueue) -> Result<(u64, u64), StorageError> {
    let (mut read, mut lost) = (0, 0);
    crate::wal::mend(&wal_path(damaged));
    crate::wal::mend_header(damaged);
    // An index of the log as it was; SQLite makes a new one.
    drop(remove_file(with_suffix(damaged, "-shm")));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(damaged, flags) else {
        return Ok((0, 0));
    };
    for found in Rows::after(&connection, i64::MIN) {
        match found {
            Ok(QueuedBatch { records, .. }) => match queue.write(&records, &[]) {
                Ok(_) => read += records.records(),
                Err(AppendError::DiskFull(error) | AppendError::Storage(error)) => {
                    return Err(error);
                }
                Err(_) => lost += records.records(),
            },
            Err(count) => lost += count,
        }
    }
    Ok((read, lost))
}

/// The rows of a damaged table, as far as they can be reached: from the start, from the end, and
/// one by one in between.
pub(crate) struct Rows<'a> {
    connection: &'a Connection,
    last: i64,
    /// The smallest id that can be reached from the end, once the way from the start has ended.
    upper: Option<i64>,
    probes_left: i64,
}

impl<'a> Rows<'a> {
    /// A count beyond this is itself damaged.
    const MOST_RECORDS: u64 = 1 << 20;
    /// Ids that are tried one by one: about a second's worth.
    const MOST_PROBES: i64 = 200_000;
    /// The same where nothing tells how far it goes on.
    const FEW_PROBES: i64 = 5_000;

    pub(crate) fn after(connection: &'a Connection, last: i64) -> Self {
        Self {
            connection,
            last,
            upper: None,
            probes_left: Self::MOST_PROBES,
        }
    }

    /// Goes on by one id where the table names no next one; `false` when it is time to give up.
    fn step_over(&mut self) -> bool {
        let upper = match self.upper {
            Some(upper) => upper,
            None => {
                let upper = self.find_upper();
                if upper < i64::MAX {
                    // The last ids before what can be read again.
                    self.last = self.last.max(upper.saturating_sub(Self::MOST_PROBES));
                } else {
                    self.probes_left = Self::FEW_PROBES;
                }
                *self.upper.insert(upper)
            }
        };
        self.last = self.last.max(0) + 1;
        self.probes_left -= 1;
        self.probes_left > 0 && self.last <= upper
    }

    fn at(
        &self,
        condition: &str,
        id: i64,
    ) -> rusqlite::Result<Option<Result<QueuedBatch, (u64, u64)>>> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {COLUMNS} FROM batches WHERE {condition} LIMIT 1"
            ))?
            .query_row([id], read_row)
            .optional()
    }

    /// The next id that the table still names after the last one.
    fn id_after(&self) -> rusqlite::Result<Option<i64>> {
        self.connection
            .prepare_cached("SELECT id FROM batches WHERE id > ?1 ORDER BY id LIMIT 1")?
            .query_row([self.last], |row| row.get(0))
            .optional()
    }

    /// Looks how far down the table can be read from its end.
    fn find_upper(&self) -> i64 {
        let mut lowest = i64::MAX;
        loop {
            let found = self
                .connection
                .prepare_cached("SELECT id FROM batches WHERE id < ?1 ORDER BY id DESC LIMIT 1")
                .and_then(|mut statement| {
                    statement
                        .query_row([lowest], |row| row.get::<_, i64>(0))
                        .optional()
                });
            match found {
                Ok(Some(id)) if id > self.last && id < lowest => lowest = id,
                _ => return lowest,
            }
        }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<QueuedBatch, u64>;

    fn next(&mut self) -> Option<Self::Item> {
        let plausible = |count: u64| if count > Self::MOST_RECORDS { 0 } else { count };
        loop {
            match self.id_after() {
                Ok(None) => return None,
                Ok(Some(id)) if id > self.last => {
                    self.last = id;
                    match self.at("id = ?1", id) {
                        Ok(Some(Ok(batch))) => return Some(Ok(batch)),
                        Ok(Some(Err((_, count)))) => return Some(Err(plausible(count))),
                        Ok(None) => {}
                        Err(_) => return Some(Err(0)),
                    }
                }
                // An order that makes no sense is damage, too.
                Ok(Some(_)) | Err(_) => {
                    if !self.step_over() {
                        return None;
                    }
                    if let Ok(Some(Ok(batch))) = self.at("id = ?1", self.last) {
                        return Some(Ok(batch));
                    }
                }
            }
        }
    }
}
