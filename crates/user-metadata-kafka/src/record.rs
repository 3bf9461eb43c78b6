//! One record, the same for both directions.

/// What Kafka stores under one offset.
///
/// Producing, a header name that occurs twice keeps its last value and headers go out in the order
/// of their names (rskafka holds them in a map); consuming, all come as stored, a header without a
/// value as an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Decides the partition and what log compaction keeps.
    pub key: Option<Vec<u8>>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Names and values beside the payload.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

/// A [`KafkaRecord`] whose parts lie elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KafkaRecordRef<'a> {
    /// As [`KafkaRecord::key`].
    pub key: Option<&'a [u8]>,
    /// As [`KafkaRecord::value`].
    pub value: Option<&'a [u8]>,
    /// As [`KafkaRecord::headers`].
    pub headers: &'a [(String, Vec<u8>)],
    /// As [`KafkaRecord::timestamp_ms`].
    pub timestamp_ms: i64,
}

impl<'a> From<&'a KafkaRecord> for KafkaRecordRef<'a> {
    fn from(record: &'a KafkaRecord) -> Self {
        Self {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
            timestamp_ms: record.timestamp_ms,
        }
    }
}

impl<'a> From<&'a KafkaRecordRef<'_>> for KafkaRecordRef<'a> {
    fn from(record: &'a KafkaRecordRef<'_>) -> Self {
        *record
    }
}

impl KafkaRecord {
    /// An upper estimate of the bytes that this record takes in a batch before compression, for
    /// bounding batches: a broker refuses one beyond its `message.max.bytes` (1 MiB by default),
    /// so stay below 512 KiB.
    #[must_use]
    pub fn approximate_size(&self) -> usize {
        KafkaRecordRef::from(self).approximate_size()
    }
}

impl KafkaRecordRef<'_> {
    /// What a record costs in a batch beyond its own bytes: lengths, deltas and its share of the
    /// batch's frame.
    const OVERHEAD: usize = 70;

    /// As [`KafkaRecord::approximate_size`].
    #[must_use]
    pub fn approximate_size(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        let length = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        Self::OVERHEAD + headers + length(self.key) + length(self.value)
    }
}
