use std::num::NonZeroU32;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::batch_header::BatchHeader;
use crate::encoding::decode;
use crate::error::{OpenError, ReadError, StorageError};
use crate::record::{LogRecord, StoredRecord};
use crate::writer::{FORMAT, count_partitions, end_offset};

/// Reads a log, in any process, while its writer writes. Neither waits for the other.
#[derive(Debug)]
pub struct LogReader {
    connection: Connection,
    partitions: NonZeroU32,
    data_version: i64,
}

/// A row as the index has it.
struct Entry {
    sequence: i64,
    header: BatchHeader,
}

impl LogReader {
    /// Opens the log at `path`, which its writer has created.
    ///
    /// # Errors
    ///
    /// [`OpenError::Missing`] until the writer has created it, otherwise as
    /// [`LogWriter::open`](crate::LogWriter::open).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let connection = FORMAT.open_readable(path)?;
        let partitions = count_partitions(&connection, path)?;
        Ok(Self {
            connection,
            partitions,
            data_version: 0,
        })
    }

    /// Returns how many partitions the log has.
    #[must_use]
    pub fn partitions(&self) -> NonZeroU32 {
        self.partitions
    }

    /// Tells whether anything was committed since the last call; the first call says yes. It
    /// costs microseconds, so asking every few milliseconds is fine.
    ///
    /// # Errors
    ///
    /// [`StorageError`] when the file can't be read.
    pub fn changed(&mut self) -> Result<bool, StorageError> {
        let version = self
            .connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row((), |row| row.get(0)))
            .map_err(StorageError)?;
        Ok(std::mem::replace(&mut self.data_version, version) != version)
    }

    /// Reads records of `partition` from `offset` on: at most `max_records`, and not more once
    /// their payloads reach `max_bytes`. At the end of the partition there are none.
    ///
    /// # Errors
    ///
    /// [`ReadError::Corrupt`] when the batch at `offset` is damaged (records before a damaged
    /// batch are returned first): report it and read on at its `next_offset`.
    /// [`ReadError::OutOfRange`] when retention has passed `offset`: read on at its `earliest`.
    pub fn read(
        &mut self,
        partition: u32,
        offset: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Result<Vec<StoredRecord>, ReadError> {
        let transaction = self.connection.transaction().map_err(StorageError)?;
        let (earliest, end) = bounds(&transaction, partition)?;
        if offset < earliest || offset > end {
            return Err(ReadError::OutOfRange {
                partition,
                offset,
                earliest,
                end,
            });
        }
        let mut found = Vec::new();
        let mut bytes = 0;
        let mut next = offset;
        while found.len() < max_records && bytes < max_bytes {
            let entry = entry_at(&transaction, partition, next).map_err(StorageError)?;
            let Some(entry) = entry else {
                break;
            };
            let Some(records) = load(&transaction, &entry)? else {
                if found.is_empty() {
                    let next_offset = entry.header.next_offset;
                    return Err(ReadError::Corrupt {
                        partition,
                        offset: next,
                        next_offset,
                    });
                }
                break;
            };
            for (at, record) in (entry.header.base_offset..).zip(records) {
                if at >= next && found.len() < max_records && bytes < max_bytes {
                    bytes += record.payload_bytes();
                    found.push(StoredRecord { offset: at, record });
                }
            }
            next = entry.header.next_offset;
        }
        Ok(found)
    }

    /// Returns the first offset of `partition` that retention has left; the end when it is empty.
    ///
    /// # Errors
    ///
    /// [`ReadError::UnknownPartition`], [`ReadError::Storage`].
    pub fn earliest(&self, partition: u32) -> Result<u64, ReadError> {
        Ok(bounds(&self.connection, partition)?.0)
    }

    /// Returns the offset that the next record of `partition` will have.
    ///
    /// # Errors
    ///
    /// [`ReadError::UnknownPartition`], [`ReadError::Storage`].
    pub fn end(&self, partition: u32) -> Result<u64, ReadError> {
        Ok(bounds(&self.connection, partition)?.1)
    }

    /// Returns the first offset of `partition` whose record is not older than `timestamp_ms`, or
    /// the end when all are.
    ///
    /// # Errors
    ///
    /// [`ReadError::UnknownPartition`], [`ReadError::Storage`].
    pub fn offset_at(&mut self, partition: u32, timestamp_ms: i64) -> Result<u64, ReadError> {
        let transaction = self.connection.transaction().map_err(StorageError)?;
        let (_, end) = bounds(&transaction, partition)?;
        let entry = entry_since(&transaction, partition, timestamp_ms).map_err(StorageError)?;
        let Some(entry) = entry else { return Ok(end) };
        let records = load(&transaction, &entry)?.unwrap_or_default();
        let index = records
            .iter()
            .position(|record| record.timestamp_ms >= timestamp_ms);
        Ok(entry.header.base_offset + index.unwrap_or(0) as u64)
    }
}

/// Returns the first offset and the end of `partition`.
fn bounds(connection: &Connection, partition: u32) -> Result<(u64, u64), ReadError> {
    let end = end_offset(connection, partition)
        .map_err(StorageError)?
        .ok_or(ReadError::UnknownPartition { partition })?;
    let earliest = connection
        .prepare_cached("SELECT first_offset FROM partitions WHERE partition = ?1")
        .and_then(|mut statement| {
            statement.query_row([partition], |row| row.get(0).map(i64::cast_unsigned))
        })
        .map_err(StorageError)?;
    Ok((earliest, end))
}

/// Finds the batch that holds `offset`, or the next one after it.
fn entry_at(
    transaction: &Transaction<'_>,
    partition: u32,
    offset: u64,
) -> rusqlite::Result<Option<Entry>> {
    transaction
        .prepare_cached(
            "SELECT sequence, partition, base_offset, next_offset, max_timestamp_ms FROM batches
             WHERE partition = ?1 AND next_offset > ?2 ORDER BY next_offset LIMIT 1",
        )?
        .query_row((partition, offset.cast_signed()), entry)
        .optional()
}

/// Finds the first batch with a record that is not older than `timestamp_ms`.
fn entry_since(
    transaction: &Transaction<'_>,
    partition: u32,
    timestamp_ms: i64,
) -> rusqlite::Result<Option<Entry>> {
    // Timestamps need not increase with the offsets, so the index is scanned.
    transaction
        .prepare_cached(
            "SELECT sequence, partition, base_offset, next_offset, max_timestamp_ms FROM batches
             WHERE partition = ?1 AND max_timestamp_ms >= ?2 ORDER BY next_offset LIMIT 1",
        )?
        .query_row((partition, timestamp_ms), entry)
        .optional()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        sequence: row.get(0)?,
        header: header(row)?,
    })
}

/// Reads the columns 1 to 4.
fn header(row: &Row<'_>) -> rusqlite::Result<BatchHeader> {
    Ok(BatchHeader {
        partition: row.get(1)?,
        base_offset: row.get::<_, i64>(2)?.cast_unsigned(),
        next_offset: row.get::<_, i64>(3)?.cast_unsigned(),
        max_timestamp_ms: row.get(4)?,
    })
}

/// Reads the records of a batch; `None` when the row is damaged or not the one that the index
/// refers to.
fn load(
    transaction: &Transaction<'_>,
    entry: &Entry,
) -> Result<Option<Vec<LogRecord>>, StorageError> {
    let statement = transaction.prepare_cached(
        "SELECT records, partition, base_offset, next_offset, max_timestamp_ms, checksum
         FROM batches WHERE sequence = ?1",
    );
    let records = statement
        .map_err(StorageError)?
        .query_row([entry.sequence], |row| {
            let (header, records) = (header(row)?, row.get_ref(0)?.as_blob()?);
            let checksum: u32 = row.get(5)?;
            let intact = header == entry.header && header.checksum(records) == checksum;
            Ok(intact.then(|| decode(records)).flatten())
        });
    match records.map_err(StorageError) {
        Ok(records) => Ok(records.filter(|records| {
            entry.header.base_offset.checked_add(records.len() as u64)
                == Some(entry.header.next_offset)
        })),
        Err(error) if error.is_damage() => Ok(None),
        Err(error) => Err(error),
    }
}
