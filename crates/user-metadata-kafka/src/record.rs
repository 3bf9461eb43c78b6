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
