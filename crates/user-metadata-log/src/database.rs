use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{OpenError, StorageError};
use crate::lock::owner_only;
use crate::options::LogSync;

/// A kind of file: what marks it, and its newest version.
pub(crate) struct Format {
    /// SQLite's `application_id`, so that no other database is mistaken for ours.
    pub(crate) application_id: i32,
    /// SQLite's `user_version`.
    pub(crate) version: i32,
}

/// Readers and writers do not block each other under WAL; only opening and closing do, briefly.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Creates the directory (0700) of `path`; an existing one is left as it is.
pub(crate) fn create_parent(path: &Path) -> Result<(), OpenError> {
    let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent).map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })
}

/// `path` with `suffix` appended to the file's name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Format {
    /// A version beyond this is damage.
    const NEWEST: i32 = 1_000;

    /// Opens `path` for its one writer; `create` fills a new file. The caller holds the lock.
    pub(crate) fn open_writable(
        &self,
        path: &Path,
        sync: LogSync,
        create: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<Connection, OpenError> {
        // SQLite gives its write-ahead log the mode of the database.
        owner_only()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|source| OpenError::Io {
                path: path.to_owned(),
                source,
            })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = connect(path, flags)?;
        // A file that is refused is left as it is.
        let moves = |connection: &Connection, moves| {
            moves_log_at_end(connection, moves).map_err(|error| storage(path, error))
        };
        moves(&connection, false)?;
        self.prepare(&mut connection, path, create)?;
        configure(&connection, sync).map_err(|error| storage(path, error))?;
        moves(&connection, true)?;
        Ok(connection)
    }

    /// Opens `path` without the right to change it.
    pub(crate) fn open_readable(&self, path: &Path) -> Result<Connection, OpenError> {
        let missing = || OpenError::Missing {
            path: path.to_owned(),
        };
        match path.metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(source) => {
                return Err(OpenError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(path, flags)?;
        if self.is_new(&connection, path)? {
            Err(missing())
        } else {
            Ok(connection)
        }
    }

    fn prepare(
        &self,
        connection: &mut Connection,
        path: &Path,
        create: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), OpenError> {
        // Before anything is written: a newer file must stay untouched.
        if !self.is_new(connection, path)? {
            return Ok(());
        }
        let result = connection
            .pragma_update(None, "journal_mode", "wal")
            .and_then(|()| connection.transaction_with_behavior(TransactionBehavior::Immediate))
            .and_then(|transaction| {
                create(&transaction)?;
                transaction.pragma_update(None, "application_id", self.application_id)?;
                transaction.pragma_update(None, "user_version", self.version)?;
                transaction.commit()
            });
        result.map_err(|error| storage(path, error))
    }

    /// Distinguishes an empty file from one of this format.
    fn is_new(&self, connection: &Connection, path: &Path) -> Result<bool, OpenError> {
        let query = "SELECT (SELECT application_id FROM pragma_application_id),
                            (SELECT user_version FROM pragma_user_version),
                            (SELECT count(*) FROM sqlite_schema)";
        let row = connection.query_row(query, (), |row| {
            Ok((
                row.get::<_, i32>(0)?,
                row.get::<_, i32>(1)?,
                row.get::<_, i64>(2)?,
            ))
        });
        match row.map_err(|error| storage(path, error))? {
            (0, 0, 0) => Ok(true),
            (id, version, _)
                if id == self.application_id
                    && (self.version + 1..=Self::NEWEST).contains(&version) =>
            {
                Err(OpenError::NewerFormat {
                    path: path.to_owned(),
                    found: version.unsigned_abs(),
                    supported: self.version.unsigned_abs(),
                })
            }
            (id, version, _) if id == self.application_id && version == self.version => Ok(false),
            _ => Err(OpenError::Foreign {
                path: path.to_owned(),
            }),
        }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| storage(path, error))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(|error| storage(path, error))?;
    Ok(connection)
}

/// Says whether closing the file moves its write-ahead log into it, as it does if nothing is said.
pub(crate) fn moves_log_at_end(connection: &Connection, moves: bool) -> rusqlite::Result<()> {
    let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(setting, !moves).map(drop)
}

fn configure(connection: &Connection, sync: LogSync) -> rusqlite::Result<()> {
    let synchronous = match sync {
        LogSync::Normal => "normal",
        LogSync::Full => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // 40 MB of write-ahead log: fewer, larger checkpoints, measured 1.5 times as fast.
    connection.pragma_update(None, "wal_autocheckpoint", 10_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)
}

fn storage(path: &Path, error: rusqlite::Error) -> OpenError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) {
        return OpenError::Foreign {
            path: path.to_owned(),
        };
    }
    OpenError::Storage {
        path: path.to_owned(),
        source: StorageError(error),
    }
}
