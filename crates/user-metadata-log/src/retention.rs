use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::options::LogOptions;
use crate::positions::read_positions;

/// Below this a log could not even hold its newest batches.
const LEAST_MAX_BYTES: u64 = 1 << 20;

/// Batches removed in one transaction, so that no append waits for long.
const CHUNK: u32 = 256;

/// What retention removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RetentionReport {
    /// Records removed.
    pub records: u64,
    /// How many of them some group had not read.
    pub unread: u64,
}

struct OldBatch {
    sequence: i64,
    partition: u32,
    base_offset: u64,
    next_offset: u64,
    max_timestamp_ms: i64,
    bytes: u64,
}

pub(crate) fn remove_oldest(
    connection: &mut Connection,
    options: &LogOptions,
    now_ms: i64,
    groups: Option<&Path>,
) -> rusqlite::Result<RetentionReport> {
    let expired_before = options.retention.map(|retention| {
        now_ms.saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX))
    });
    let mut removed = RetentionReport::default();
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut excess = excess_bytes(&transaction, options.max_bytes)?;
        let mut batches = oldest(&transaction)?;
        let kept = batches.iter().position(|batch| {
            let goes = excess > 0 || expired_before.is_some_and(|at| batch.max_timestamp_ms < at);
            excess = excess.saturating_sub(batch.bytes);
            !goes
        });
        batches.truncate(kept.unwrap_or(batches.len()));
        if batches.is_empty() {
            return Ok(removed);
        }
        let groups = groups.map(Groups::read).unwrap_or_default();
        removed.records += batches
            .iter()
            .map(|b| b.next_offset - b.base_offset)
            .sum::<u64>();
        removed.unread += batches.iter().map(|b| groups.count_unread(b)).sum::<u64>();
        delete(&transaction, &batches)?;
        transaction.commit()?;
    }
}

/// Pages of deleted rows are used again, so they don't count.
fn excess_bytes(transaction: &Transaction<'_>, max_bytes: Option<u64>) -> rusqlite::Result<u64> {
    let Some(max_bytes) = max_bytes else {
        return Ok(0);
    };
    let used: i64 = transaction.query_row(
        "SELECT (page_count - freelist_count) * page_size
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        (),
        |row| row.get(0),
    )?;
    Ok(used
        .unsigned_abs()
        .saturating_sub(max_bytes.max(LEAST_MAX_BYTES)))
}

fn oldest(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<OldBatch>> {
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, partition, base_offset, next_offset, max_timestamp_ms, length(records)
         FROM batches ORDER BY sequence LIMIT ?1",
    )?;
    let rows = statement.query_map([CHUNK], |row| {
        Ok(OldBatch {
            sequence: row.get(0)?,
            partition: row.get(1)?,
            base_offset: row.get::<_, i64>(2)?.cast_unsigned(),
            next_offset: row.get::<_, i64>(3)?.cast_unsigned(),
            max_timestamp_ms: row.get(4)?,
            bytes: row.get::<_, i64>(5)?.unsigned_abs(),
        })
    })?;
    rows.collect()
}

fn delete(transaction: &Transaction<'_>, batches: &[OldBatch]) -> rusqlite::Result<()> {
    let Some(last) = batches.last() else {
        return Ok(());
    };
    transaction.execute("DELETE FROM batches WHERE sequence <= ?1", [last.sequence])?;
    let first_offsets: BTreeMap<u32, u64> = batches
        .iter()
        .map(|batch| (batch.partition, batch.next_offset))
        .collect();
    for (partition, first_offset) in first_offsets {
        transaction.execute(
            "UPDATE partitions SET first_offset = ?2 WHERE partition = ?1",
            (partition, first_offset.cast_signed()),
        )?;
    }
    Ok(())
}

/// The positions of every group in a directory.
#[derive(Default)]
struct Groups(Vec<BTreeMap<u32, u64>>);

impl Groups {
    fn read(directory: &Path) -> Self {
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let databases = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "db"));
        Self(
            databases
                .filter_map(|path| read_positions(&path).ok())
                .collect(),
        )
    }

    fn count_unread(&self, batch: &OldBatch) -> u64 {
        let positions = self
            .0
            .iter()
            .map(|group| group.get(&batch.partition).copied());
        let lowest = positions
            .map(Option::unwrap_or_default)
            .min()
            .unwrap_or(u64::MAX);
        batch
            .next_offset
            .saturating_sub(lowest.max(batch.base_offset))
    }
}
