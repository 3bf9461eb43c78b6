use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, Transaction, TransactionBehavior};

use super::error::WriteError;
use super::row::Row;
use super::schema::{self, Kind};
use super::totals;
use crate::FileError;
use crate::files::{Identity, create_file, create_parent, try_create};
use crate::tables::Tables;

/// How long another process may lock the file before a batch is postponed.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The file, open for writing.
pub(super) struct Database {
    pub(super) connection: Connection,
    path: PathBuf,
    identity: Identity,
    tables: Tables,
}

impl Database {
    /// Opens the file, and creates it if it is missing.
    pub(super) fn open(path: &Path, tables: Tables) -> Result<Self, FileError> {
        let path = as_file(path);
        create_parent(&path)?;
        create_file(&path)?;
        let database = Self::connect(path, tables)?;
        database.prepare()?;
        Ok(database)
    }

    /// Opens an existing file.
    fn connect(path: PathBuf, tables: Tables) -> Result<Self, FileError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        let connection = connection.map_err(|error| refused(&path, error))?;
        let identity = Identity::of(&path).map_err(|source| FileError::Create {
            path: path.clone(),
            source,
        })?;
        connection
            .busy_timeout(BUSY_TIMEOUT)
            .map_err(|error| refused(&path, error))?;
        Ok(Self {
            connection,
            path,
            identity,
            tables,
        })
    }

    fn prepare(&self) -> Result<(), FileError> {
        let refused = |error| refused(&self.path, error);
        // Before anything is written: another program's file must stay untouched.
        let kind = self.check()?;
        self.refuse_read_only()?;
        if kind != Kind::Current || !self.is_complete()? {
            self.upgrade().map_err(refused)?;
            // Another version may have been first.
            self.check()?;
        }
        configure(&self.connection).map_err(refused)
    }

    fn refuse_read_only(&self) -> Result<(), FileError> {
        let is_read_only = self.connection.is_readonly(MAIN_DB);
        match is_read_only.map_err(|error| refused(&self.path, error))? {
            true => Err(FileError::ReadOnly {
                path: self.path.clone(),
            }),
            false => Ok(()),
        }
    }

    fn is_complete(&self) -> Result<bool, FileError> {
        let is_complete = totals::is_complete(&self.connection, self.tables);
        is_complete.map_err(|error| refused(&self.path, error))
    }

    /// Whether the file is empty or of this sink.
    fn check(&self) -> Result<Kind, FileError> {
        let path = || self.path.clone();
        match Kind::of(&self.connection).map_err(|error| refused(&self.path, error))? {
            Kind::Newer(found) => Err(FileError::NewerSchema {
                path: path(),
                found,
                supported: schema::VERSION,
            }),
            Kind::Foreign => Err(FileError::Foreign { path: path() }),
            kind => Ok(kind),
        }
    }

    /// Brings the file to this version, unless another process has by now.
    fn upgrade(&self) -> rusqlite::Result<()> {
        let transaction = self.begin()?;
        match Kind::of(&transaction)? {
            Kind::Empty => schema::upgrade(&transaction, 0)?,
            Kind::Older(version) => schema::upgrade(&transaction, version)?,
            Kind::Current => {}
            Kind::Newer(_) | Kind::Foreign => return Ok(()),
        }
        totals::fill(&transaction, self.tables)?;
        transaction.commit()
    }

    /// Stores all rows, or none. Existing rows stay as they are.
    pub(super) fn insert(&self, rows: &[Row]) -> Result<(), WriteError> {
        let failed = |error| WriteError::new(&self.path, error);
        if Identity::of(&self.path).ok() != Some(self.identity) {
            // SQLite would go on writing to a file that nobody will find again.
            let path = self.path.clone();
            return Err(WriteError::Gone { path });
        }
        let transaction = self.begin().map_err(failed)?;
        if Kind::of(&transaction).map_err(failed)? != Kind::Current {
            let path = self.path.clone();
            return Err(WriteError::Schema { path });
        }
        let mut insert = transaction.prepare_cached(Row::INSERT).map_err(failed)?;
        let mut stored = Vec::with_capacity(rows.len());
        for row in rows {
            if row.insert(&mut insert).map_err(failed)? {
                stored.push(row);
            }
        }
        drop(insert);
        totals::add(&transaction, self.tables, &stored).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// Takes the write lock at once: a transaction that reads first can't wait for it.
    fn begin(&self) -> rusqlite::Result<Transaction<'_>> {
        Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
    }
}

/// What opening the file would create or change, as words that follow "a start would"; creates and
/// changes nothing.
pub(crate) fn changes(path: &Path, tables: Tables) -> Result<Vec<String>, FileError> {
    let path = as_file(path);
    if !path.exists() {
        try_create(&path)?;
        return Ok(vec!["create the file and its tables".to_owned()]);
    }
    let database = Database::connect(path, tables)?;
    let kind = database.check()?;
    database.refuse_read_only()?;
    let change = match kind {
        Kind::Empty => "create its tables",
        Kind::Older(_) => "upgrade its tables",
        _ if !database.is_complete()? => "fill its empty tables from `events`",
        _ => return Ok(Vec::new()),
    };
    Ok(vec![change.to_owned()])
}

/// To SQLite, `file:x` and `:memory:` are not names of files, and a path without a directory has no
/// parent to create.
fn as_file(path: &Path) -> PathBuf {
    if path.is_relative() {
        Path::new(".").join(path)
    } else {
        path.to_owned()
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    use_wal(connection)?;
    // A stored batch is not delivered again, so it must survive a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    // 40 MB of write-ahead log: fewer, larger checkpoints.
    connection.pragma_update(None, "wal_autocheckpoint", 10_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -(64 << 10))
}

fn refused(path: &Path, error: rusqlite::Error) -> FileError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => FileError::Foreign { path },
        Some(ErrorCode::ReadOnly) => FileError::ReadOnly { path },
        _ => FileError::Database {
            path,
            source: error.into(),
        },
    }
}

/// If two connections switch a new file to WAL at the same moment, SQLite refuses one at once,
/// whatever the timeout.
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::yield_now(),
            result => return result,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_names_a_file_whatever_sqlite_would_take_it_for() {
        for (path, expected) in [
            ("users.sqlite", "./users.sqlite"),
            (":memory:", "./:memory:"),
            ("file:x?mode=memory", "./file:x?mode=memory"),
            ("/abs", "/abs"),
        ] {
            assert_eq!(as_file(Path::new(path)).as_os_str(), expected);
        }
    }
}
