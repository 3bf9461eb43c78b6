use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use user_metadata_events::Record;
use user_metadata_log::{
    AppendOnceError, Batch, LogOptions, LogReader, LogRecord, OpenError, append_once,
};

use crate::partition_batches::partition_batches;
use crate::{Rejection, SinkError, TopicWriter};

/// Appends to an embedded log that several processes write occasionally: it is opened for each call
/// and closed after it. What is older than seven days by its own timestamp, or exceeds 1 GiB, is
/// removed by the next call.
#[derive(Debug, Clone)]
pub struct LogTopicWriter {
    path: PathBuf,
    partitions: NonZeroU32,
}

impl LogTopicWriter {
    /// How long to wait for another process that has locked the log.
    const PATIENCE: Duration = Duration::from_secs(5);
    /// The largest batch and the largest record, in bytes of payload: far below the limits of a
    /// log.
    const MAX_BYTES: usize = 8 << 20;

    /// Writes the log at `path`. If it does not exist, it is created with this number of
    /// partitions; an existing log keeps its own.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, partitions: NonZeroU32) -> Self {
        Self {
            path: path.into(),
            partitions,
        }
    }
}

impl TopicWriter for LogTopicWriter {
    async fn append(&mut self, records: &[Record]) -> Result<Vec<Rejection>, SinkError> {
        let (taken, refused): (Vec<_>, Vec<_>) = (0..)
            .zip(records)
            .partition(|(_, record)| record.size() <= Self::MAX_BYTES);
        let records: Vec<_> = taken.iter().map(|(_, record)| to_log(record)).collect();
        let Self { path, partitions } = self.clone();
        let append = move || append(&path, partitions, records);
        match tokio::task::spawn_blocking(append).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(to_sink_error(error)),
            Err(panic) => return Err(SinkError::fatal(panic)),
        }
        let refuse = |(index, record): &(usize, &Record)| {
            let (size, max) = (record.size(), Self::MAX_BYTES);
            Rejection::new(*index, format!("it has {size} bytes, more than {max}"))
        };
        Ok(refused.iter().map(refuse).collect())
    }
}

fn append(
    path: &Path,
    partitions: NonZeroU32,
    records: Vec<LogRecord>,
) -> Result<(), AppendOnceError> {
    if records.is_empty() {
        return Ok(());
    }
    let partitions = match LogReader::open(path) {
        Ok(log) => log.partitions(),
        Err(OpenError::Missing { .. }) => partitions,
        Err(error) => return Err(error.into()),
    };
    let mut options = LogOptions::default();
    options.partitions = partitions;
    let parts = partition_batches(records, partitions, LogTopicWriter::MAX_BYTES, |record| {
        (record.key.as_deref(), record.payload_bytes())
    });
    let batches: Vec<_> = parts
        .iter()
        .map(|(partition, records)| Batch {
            partition: *partition,
            records,
        })
        .collect();
    append_once(path, options, &batches, LogTopicWriter::PATIENCE).map(drop)
}

fn to_sink_error(error: AppendOnceError) -> SinkError {
    match error {
        AppendOnceError::Open(OpenError::NewerFormat { .. } | OpenError::Foreign { .. }) => {
            SinkError::fatal(error)
        }
        error => SinkError::unavailable(error),
    }
}

fn to_log(record: &Record) -> LogRecord {
    LogRecord {
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
        timestamp_ms: record.timestamp.as_i64(),
    }
}
