//! One record, the same for both directions.

use bytes::Bytes;

/// What Kafka stores under one offset.
///
/// Producing, a header name that occurs twice keeps its last value and headers go out in the order
/// of their names (rskafka holds them in a map); consuming, all come as stored, a header without a
/// value as an empty one, and they share the memory that a whole fetch was read into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Decides the partition and what log compaction keeps.
    pub key: Option<Bytes>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Names and values beside the payload.
    pub headers: Vec<(String, Bytes)>,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}

impl KafkaRecord {
    /// What a record costs in a batch beyond its own bytes: lengths, deltas and its share of the
    /// batch's frame.
    const OVERHEAD: usize = 70;

    /// An upper estimate of the bytes that this record takes in a batch before compression, for
    /// bounding batches: a broker refuses one beyond its `message.max.bytes` (1 MiB by default),
    /// so stay below 512 KiB.
    #[must_use]
    pub fn approximate_size(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        Self::OVERHEAD
            + headers
            + self.key.as_ref().map_or(0, Bytes::len)
            + self.value.as_ref().map_or(0, Bytes::len)
    }
}
