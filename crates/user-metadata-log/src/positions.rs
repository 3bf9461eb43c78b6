use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::data_dir::DataDir;
use crate::database::{Format, create_parent};
use crate::error::{OpenError, StorageError};
use crate::lock::WriterLock;
use crate::options::LogSync;

/// `umg1`: a group's positions.
const FORMAT: Format = Format {
    application_id: 0x756d_6731,
    version: 1,
};

const SCHEMA: &str = "
    CREATE TABLE positions(
        partition INTEGER PRIMARY KEY,
        next_offset INTEGER NOT NULL
    ) STRICT;
";

/// How far one consumer group has read. One process at a time may open it.
#[derive(Debug)]
pub struct GroupPositions {
    connection: Connection,
    // Last, so that the lock is released after the file is closed.
    _lock: WriterLock,
}

impl GroupPositions {
    /// Opens the positions of `group` in `dir`, or creates them (directory mode 0700, files 0600).
    ///
    /// # Errors
    ///
    /// [`OpenError::InUse`] at once while another process consumes as this group,
    /// [`OpenError::GroupName`] when the name can't be a file's name, otherwise as
    /// [`LogWriter::open`](crate::LogWriter::open).
    pub fn open(dir: &DataDir, group: &str) -> Result<Self, OpenError> {
        let path = group_file(dir, group)?;
        create_parent(&path)?;
        let lock = WriterLock::acquire(&path, Duration::ZERO)?;
        let connection = FORMAT.open_writable(&path, LogSync::Normal, |transaction| {
            transaction.execute_batch(SCHEMA)
        })?;
        Ok(Self {
            connection,
            _lock: lock,
        })
    }

    /// Reads the positions of `group` in `dir` by partition, also while its own process has them
    /// open; none if there is no such group.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), but for [`OpenError::InUse`].
    pub fn peek(dir: &DataDir, group: &str) -> Result<BTreeMap<u32, u64>, OpenError> {
        match read_positions(&group_file(dir, group)?) {
            Err(OpenError::Missing { .. }) => Ok(BTreeMap::new()),
            read => read,
        }
    }

    /// Returns the next offset that the group will read; `None` before its first commit.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the file can't be read.
    pub fn position(&self, partition: u32) -> Result<Option<u64>, StorageError> {
        self.connection
            .prepare_cached("SELECT next_offset FROM positions WHERE partition = ?1")
            .and_then(|mut statement| {
                statement
                    .query_row([partition], |row| row.get(0).map(i64::cast_unsigned))
                    .optional()
            })
            .map_err(StorageError)
    }

    /// Stores for each partition the next offset to read, all or none. A crash of the process
    /// keeps them; after a power cut older ones may come back.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the file can't be written.
    pub fn commit(&mut self, next_offsets: &[(u32, u64)]) -> Result<(), StorageError> {
        self.store(next_offsets).map_err(StorageError)
    }

    fn store(&mut self, next_offsets: &[(u32, u64)]) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for &(partition, next_offset) in next_offsets {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO positions VALUES (?1, ?2)")?
                .execute((partition, next_offset.cast_signed()))?;
        }
        transaction.commit()
    }
}

/// Reads a group's positions, also while its own process has them open.
pub(crate) fn read_positions(path: &Path) -> Result<BTreeMap<u32, u64>, OpenError> {
    let connection = FORMAT.open_readable(path)?;
    let read = || -> rusqlite::Result<BTreeMap<u32, u64>> {
        connection
            .prepare("SELECT partition, next_offset FROM positions")?
            .query_map((), |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
            })?
            .collect()
    };
    read().map_err(|error| OpenError::Storage {
        path: path.to_owned(),
        source: StorageError(error),
    })
}

fn group_file(dir: &DataDir, group: &str) -> Result<PathBuf, OpenError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_name =
        (1..=200).contains(&group.len()) && !group.starts_with('.') && group.chars().all(allowed);
    if is_name {
        Ok(dir.group_path(group))
    } else {
        Err(OpenError::GroupName {
            group: group.to_owned(),
        })
    }
}
