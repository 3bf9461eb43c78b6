use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use user_metadata_events::{EventId, UserMetadataEvent, partition_for_key};
use user_metadata_log::{Batch, DataDir, LogOptions, LogReader, LogRecord, LogWriter};

use crate::Failure;

/// As many records as a busy ws-server puts into one row.
const BATCH: u32 = 100;

/// The number of users; each joins repeatedly.
const USERS: u32 = 50_000;
/// Joins per millisecond.
const PER_MILLISECOND: u32 = 10;

/// Fills the log in `path` with this many events.
///
/// All are modelled on one that a ws-server wrote, so that they have the size and the fields of real
/// ones; users are in random order, and time advances.
pub(crate) fn fill(path: &Path, like: &LogRecord, events: u32) -> Result<(), Failure> {
    let event = UserMetadataEvent::decode(like.value.as_deref())?;
    let mut writer = LogWriter::open(DataDir::new(path).topic_path(), LogOptions::default())?;
    let partitions = writer.partitions();
    for first in (0..events).step_by(BATCH as usize) {
        let mut spread = vec![Vec::new(); partitions.get() as usize];
        for number in first..events.min(first + BATCH) {
            let (partition, record) = record(&event, number, partitions)?;
            spread[partition as usize].push(record);
        }
        let batches: Vec<Batch<'_>> = (0..)
            .zip(&spread)
            .map(|(partition, records)| Batch { partition, records })
            .filter(|batch| !batch.records.is_empty())
            .collect();
        writer.append(&batches)?;
    }
    Ok(())
}

fn record(
    event: &UserMetadataEvent,
    number: u32,
    partitions: NonZeroU32,
) -> Result<(u32, LogRecord), Failure> {
    let mut event = event.clone();
    let later = Duration::from_millis(u64::from(number / PER_MILLISECOND));
    event.timestamp = event.timestamp.saturating_add(later);
    event.id = EventId::new(event.timestamp);
    // Knuth's multiplicative hash: spread out, and the same in every run.
    event.user_id = format!("user-{}", number.wrapping_mul(2_654_435_761) % USERS);
    let record = event.to_record("/ws-server/bench", None)?;
    let partition = partition_for_key(event.user_id.as_bytes(), partitions);
    let record = LogRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp_ms: record.timestamp.as_i64(),
    };
    Ok((partition, record))
}

/// A record that a ws-server has written to the log in `path`.
pub(crate) fn any_record(path: &Path) -> Result<LogRecord, Failure> {
    let mut reader = LogReader::open(DataDir::new(path).topic_path())?;
    for partition in 0..3 {
        let from = reader.earliest(partition)?;
        if let Some(stored) = reader.read(partition, from, 1, 1 << 20)?.pop() {
            return Ok(stored.record);
        }
    }
    Err("the log is empty".into())
}
