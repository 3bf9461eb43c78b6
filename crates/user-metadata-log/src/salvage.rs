//! What is done about a damaged queue: it is kept under another name, and what can be read of it
//! goes into a new one.

use std::fs::rename;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::encoding::EncodedBatch;
use crate::error::{OpenError, StorageError};
use crate::queue::{COLUMNS, DiskQueue, QueuedBatch, read_row, wal_path};

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

/// Gives the files of the queue at `path` another name, and returns it.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".damaged-{}", now.unwrap_or_default().as_millis()));
    let kept_as = PathBuf::from(name);
    let wal = wal_path(path);
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    // The log first: without its database it is never taken for that of the new one.
    if wal.exists() {
        rename(&wal, wal_path(&kept_as)).map_err(io)?;
    }
    rename(path, &kept_as).map_err(io)?;
    let mut index = path.as_os_str().to_owned();
    index.push("-shm");
    // An index of the log that is gone; SQLite makes a new one.
    drop(std::fs::remove_file(index));
    Ok(kept_as)
}

/// Copies what can be read of the file `kept_as` into `queue`, in order.
pub(crate) fn salvage(kept_as: &Path, what: String, queue: &mut DiskQueue) -> Damage {
    let mut damage = Damage {
        what,
        kept_as: kept_as.to_owned(),
        read: 0,
        lost: 0,
    };
    crate::wal::mend(&wal_path(kept_as));
    crate::wal::mend_header(kept_as);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(connection) = Connection::open_with_flags(kept_as, flags) else {
        return damage;
    };
    let mut rescued = EncodedBatch::default();
    for found in Rows::new(&connection) {
        match found {
            Ok(batch) => {
                rescued.clear();
                for record in &batch.records {
                    rescued.push(record.into());
                }
                match queue.write(&rescued, &[]) {
                    Ok(_) => damage.read += rescued.records(),
                    // No room for them now; the file that was set aside still has them.
                    Err(_) => damage.lost += rescued.records(),
                }
            }
            Err(count) => damage.lost += count,
        }
    }
    damage
}

/// The rows of a damaged table, as far as they can be reached: from the start, from the end, and
/// one by one in between.
struct Rows<'a> {
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

    fn new(connection: &'a Connection) -> Self {
        Self {
            connection,
            last: i64::MIN,
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
