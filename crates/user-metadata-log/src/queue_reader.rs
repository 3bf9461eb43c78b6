//! Reading a queue, for its writer and for others.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use crate::batch_header::BatchHeader;
use crate::encoding::EncodedBatch;
use crate::error::{OpenError, QueueReadError, StorageError};
use crate::queue::FORMAT;

/// A batch as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueuedBatch {
    /// What [`DiskQueue::write`](crate::DiskQueue::write) returned for it.
    pub id: u64,
    /// The records, in the order in which they were pushed.
    pub records: EncodedBatch,
}

/// What a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct QueueContents {
    /// The batches.
    pub batches: u64,
    /// The records in them.
    pub records: u64,
    /// The size of the records in the file, in bytes.
    pub bytes: u64,
}

/// Reads a queue, in any process, while its writer writes. Neither waits for the other.
#[derive(Debug)]
pub struct DiskQueueReader {
    connection: Connection,
}

impl DiskQueueReader {
    /// Opens the queue at `path`, which its writer has created.
    ///
    /// # Errors
    ///
    /// [`OpenError::Missing`] until the writer has created it, otherwise as
    /// [`DiskQueue::open`](crate::DiskQueue::open).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let connection = FORMAT.open_readable(path.as_ref())?;
        Ok(Self { connection })
    }

    /// What the queue holds now.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the file can't be read.
    pub fn contents(&self) -> Result<QueueContents, StorageError> {
        contents(&self.connection).map_err(StorageError)
    }

    /// As [`DiskQueue::next`](crate::DiskQueue::next).
    ///
    /// # Errors
    ///
    /// As [`DiskQueue::next`](crate::DiskQueue::next).
    pub fn next(&self, after: u64) -> Result<Option<QueuedBatch>, QueueReadError> {
        next_batch(&self.connection, after)
    }
}

pub(crate) fn header(id: u64, count: u64, max_timestamp_ms: i64) -> BatchHeader {
    BatchHeader {
        partition: 0,
        base_offset: id,
        next_offset: id.wrapping_add(count),
        max_timestamp_ms,
    }
}

pub(crate) fn contents(connection: &Connection) -> rusqlite::Result<QueueContents> {
    let query = "SELECT count(*), coalesce(sum(count), 0), coalesce(sum(length(records)), 0)
                 FROM batches";
    connection.query_row(query, (), |row| {
        Ok(QueueContents {
            batches: row.get::<_, i64>(0)?.cast_unsigned(),
            records: row.get::<_, i64>(1)?.cast_unsigned(),
            bytes: row.get::<_, i64>(2)?.cast_unsigned(),
        })
    })
}

pub(crate) const COLUMNS: &str = "id, count, max_timestamp_ms, checksum, records";

pub(crate) fn next_batch(
    connection: &Connection,
    after: u64,
) -> Result<Option<QueuedBatch>, QueueReadError> {
    let row = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM batches WHERE id > ?1 ORDER BY id LIMIT 1"
        ))
        .and_then(|mut statement| {
            statement
                .query_row([after.cast_signed()], read_row)
                .optional()
        })
        .map_err(StorageError)?;
    match row {
        None => Ok(None),
        Some(Ok(batch)) => Ok(Some(batch)),
        Some(Err((id, count))) => Err(QueueReadError::Corrupt { id, records: count }),
    }
}

/// Reads a row of [`COLUMNS`]; the inner error is the id and the count of a damaged batch.
pub(crate) fn read_row(
    row: &rusqlite::Row<'_>,
) -> rusqlite::Result<Result<QueuedBatch, (u64, u64)>> {
    let (id, count) = (
        row.get::<_, i64>(0)?.cast_unsigned(),
        row.get::<_, i64>(1)?.cast_unsigned(),
    );
    let (max_timestamp_ms, checksum): (i64, u32) = (row.get(2)?, row.get(3)?);
    let records = row.get_ref(4)?.as_blob()?;
    let is_intact = header(id, count, max_timestamp_ms).checksum(records) == checksum;
    let batch = is_intact.then(|| batch(id, count, records)).flatten();
    Ok(batch.ok_or((id, count)))
}

/// The batch of a row whose checksum is right.
pub(crate) fn batch(id: u64, count: u64, records: &[u8]) -> Option<QueuedBatch> {
    let records = EncodedBatch::from_encoded(records)?;
    (records.len() as u64 == count).then_some(QueuedBatch { id, records })
}
