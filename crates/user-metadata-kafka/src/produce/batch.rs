//! Records in the form that rskafka takes.

use rskafka::chrono::{DateTime, Utc};
use rskafka::record::Record;

use crate::KafkaRecord;

/// The records of one batch, built for one attempt to produce them.
///
/// ```
/// use user_metadata_kafka::RecordBatch;
/// let mut batch = RecordBatch::with_capacity(1);
/// let headers = [("content-type", b"text/plain".to_vec())];
/// batch.push(Some(b"key".to_vec()), Some(b"value".to_vec()), headers, 1_763_856_000_000);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordBatch(Vec<Record>);

impl RecordBatch {
    /// Makes an empty batch with room for `records` records.
    #[must_use]
    pub fn with_capacity(records: usize) -> Self {
        Self(Vec::with_capacity(records))
    }

    /// Appends a record, see [`KafkaRecord`].
    pub fn push<N: Into<String>>(
        &mut self,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        headers: impl IntoIterator<Item = (N, Vec<u8>)>,
        timestamp_ms: i64,
    ) {
        let headers = headers.into_iter();
        self.0.push(Record {
            key,
            value,
            headers: headers.map(|(name, value)| (name.into(), value)).collect(),
            timestamp: timestamp(timestamp_ms),
        });
    }

    pub(super) fn into_rskafka(self) -> Vec<Record> {
        self.0
    }
}

impl FromIterator<KafkaRecord> for RecordBatch {
    fn from_iter<I: IntoIterator<Item = KafkaRecord>>(records: I) -> Self {
        let mut batch = Self::default();
        for record in records {
            let KafkaRecord {
                key,
                value,
                headers,
                timestamp_ms,
            } = record;
            let headers = headers
                .into_iter()
                .map(|(name, value)| (name, value.into()));
            batch.push(
                key.map(Into::into),
                value.map(Into::into),
                headers,
                timestamp_ms,
            );
        }
        batch
    }
}

/// Times outside chrono's range (the year ±262,000) are clamped; Kafka rejects them anyway.
fn timestamp(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or(if ms < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}
