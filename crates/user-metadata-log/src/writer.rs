use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};

use crate::batch_header::BatchHeader;
use crate::database::{Format, create_parent};
use crate::encoding::{EncodedBatch, encode};
use crate::error::{AppendError, OpenError, StorageError};
use crate::lock::WriterLock;
use crate::options::LogOptions;
use crate::record::Batch;
use crate::retention::{RetentionReport, remove_oldest};

/// `uml1`: a log of batches.
pub(crate) const FORMAT: Format = Format {
    application_id: 0x756d_6c31,
    version: 1,
};

/// `sequence` is the order of appending, over all partitions. A partition ends where its last batch
/// does, or, if retention removed that too, at its `first_offset`. The index covers every look-up,
/// so that a damaged row can be skipped without being read.
const SCHEMA: &str = "
    CREATE TABLE partitions(
        partition INTEGER PRIMARY KEY,
        first_offset INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE batches(
        sequence INTEGER PRIMARY KEY,
        partition INTEGER NOT NULL,
        base_offset INTEGER NOT NULL,
        next_offset INTEGER NOT NULL,
        max_timestamp_ms INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        records BLOB NOT NULL
    ) STRICT;
    CREATE INDEX batches_by_offset
        ON batches(partition, next_offset, base_offset, max_timestamp_ms);
";

/// The one writer of a log.
#[derive(Debug)]
pub struct LogWriter {
    connection: Connection,
    options: LogOptions,
    partitions: NonZeroU32,
    // Last, so that the lock is released after the file is closed.
    _lock: WriterLock,
}

impl LogWriter {
    /// Opens the log at `path`, or creates it (directory mode 0700, files 0600).
    ///
    /// # Errors
    ///
    /// [`OpenError::InUse`] at once while another writer has the file;
    /// [`OpenError::NewerFormat`], [`OpenError::Foreign`], [`OpenError::Io`] and
    /// [`OpenError::Storage`] when the file can't be used.
    pub fn open(path: impl AsRef<Path>, options: LogOptions) -> Result<Self, OpenError> {
        Self::open_within(path.as_ref(), options, Duration::ZERO)
    }

    pub(crate) fn open_within(
        path: &Path,
        options: LogOptions,
        patience: Duration,
    ) -> Result<Self, OpenError> {
        create_parent(path)?;
        let lock = WriterLock::acquire(path, patience)?;
        let connection = FORMAT.open_writable(path, options.sync, |transaction| {
            transaction.execute_batch(SCHEMA)?;
            for partition in 0..options.partitions.get() {
                transaction.execute("INSERT INTO partitions VALUES (?1, 0)", [partition])?;
            }
            Ok(())
        })?;
        let partitions = count_partitions(&connection, path)?;
        Ok(Self {
            connection,
            options,
            partitions,
            _lock: lock,
        })
    }

    /// Returns how many partitions the file has, which may differ from [`LogOptions::partitions`].
    #[must_use]
    pub fn partitions(&self) -> NonZeroU32 {
        self.partitions
    }

    /// Appends all `batches` in one transaction (a group commit) and returns the offset of each
    /// one's first record. When it returns, the records survive a crash of the process.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: none of the batches was appended.
    pub fn append(&mut self, batches: &[Batch<'_>]) -> Result<Vec<u64>, AppendError> {
        let encoded: Vec<(u32, EncodedBatch)> = batches
            .iter()
            .map(|batch| (batch.partition, encode(batch.records)))
            .collect();
        self.append_encoded(&encoded)
    }

    /// As [`append`](Self::append), for batches that are already encoded, each with its partition.
    ///
    /// # Errors
    ///
    /// [`AppendError`]: none of the batches was appended.
    pub fn append_encoded(
        &mut self,
        batches: &[(u32, EncodedBatch)],
    ) -> Result<Vec<u64>, AppendError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StorageError)?;
        let offsets = batches
            .iter()
            .map(|(partition, batch)| insert(&transaction, *partition, batch))
            .collect::<Result<Vec<u64>, AppendError>>()?;
        transaction.commit().map_err(StorageError)?;
        Ok(offsets)
    }

    /// Removes what is older than [`LogOptions::retention`] or does not fit in
    /// [`LogOptions::max_bytes`], the oldest batches first. Call it every minute or so.
    ///
    /// Records that some group in the directory `groups` has not read yet are counted as unread; a
    /// group without a position has read nothing; a file there that can't be read is ignored.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the file can't be changed.
    pub fn apply_retention(
        &mut self,
        now_ms: i64,
        groups: Option<&Path>,
    ) -> Result<RetentionReport, StorageError> {
        remove_oldest(&mut self.connection, &self.options, now_ms, groups).map_err(StorageError)
    }
}

fn insert(
    transaction: &Transaction<'_>,
    partition: u32,
    batch: &EncodedBatch,
) -> Result<u64, AppendError> {
    let base_offset = end_offset(transaction, partition)
        .map_err(StorageError)?
        .ok_or(AppendError::UnknownPartition { partition })?;
    if batch.is_empty() {
        return Ok(base_offset);
    }
    batch.check_size()?;
    let header = BatchHeader {
        partition,
        base_offset,
        next_offset: base_offset + batch.len() as u64,
        max_timestamp_ms: batch.max_timestamp_ms,
    };
    insert_row(transaction, header, &batch.encoded).map_err(StorageError)?;
    Ok(base_offset)
}

fn insert_row(
    transaction: &Transaction<'_>,
    header: BatchHeader,
    records: &[u8],
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO batches
                 (partition, base_offset, next_offset, max_timestamp_ms, checksum, records)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            header.partition,
            header.base_offset.cast_signed(),
            header.next_offset.cast_signed(),
            header.max_timestamp_ms,
            header.checksum(records),
            records,
        ))?;
    Ok(())
}

/// Returns the offset that the next record of `partition` will have; `None` without such a
/// partition.
pub(crate) fn end_offset(connection: &Connection, partition: u32) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(
            "SELECT coalesce(
                 (SELECT max(next_offset) FROM batches WHERE partition = ?1), first_offset)
             FROM partitions WHERE partition = ?1",
        )?
        .query_row([partition], |row| row.get(0).map(i64::cast_unsigned))
        .optional()
}

/// Returns how many partitions the log at `path` has: a file without any was not created by this
/// crate.
pub(crate) fn count_partitions(
    connection: &Connection,
    path: &Path,
) -> Result<NonZeroU32, OpenError> {
    let path = || path.to_owned();
    let count = connection
        .query_row("SELECT count(*) FROM partitions", (), |row| row.get(0))
        .map_err(|error| OpenError::Storage {
            path: path(),
            source: StorageError(error),
        })?;
    NonZeroU32::new(count).ok_or_else(|| OpenError::Foreign { path: path() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogReader, LogRecord};

    #[test]
    fn a_full_disk_is_named_and_appends_work_again_once_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("topic.db");
        let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
        let pages = |writer: &LogWriter, pages: u32| {
            writer
                .connection
                .pragma_update(None, "max_page_count", pages)
                .unwrap();
        };
        let record = LogRecord {
            value: Some(vec![1; 100_000].into()),
            ..LogRecord::default()
        };
        let batch = Batch {
            partition: 0,
            records: &[record],
        };
        pages(&writer, 80);
        let mut appended = 0;
        let error = loop {
            match writer.append(&[batch, batch]) {
                Ok(offsets) => appended = offsets[1] + 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, AppendError::DiskFull(_)), "{error:?}");
        assert!(matches!(
            writer.append(&[batch]),
            Ok(_) | Err(AppendError::DiskFull(_))
        ));
        let mut reader = LogReader::open(&path).unwrap();
        assert!(appended > 0 && reader.end(0).unwrap() >= appended);
        pages(&writer, 10_000);
        let end = reader.end(0).unwrap();
        assert_eq!(writer.append(&[batch, batch]).unwrap(), [end, end + 1]);
        assert_eq!(
            reader.read(0, 0, 100, usize::MAX).unwrap().len() as u64,
            end + 2
        );
    }
}
