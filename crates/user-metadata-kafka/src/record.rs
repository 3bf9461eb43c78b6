//! A record, the same type for producing and consuming.

use bytes::Bytes;

/// What Kafka stores under one offset.
///
/// When producing, a header name that occurs twice keeps its last value, and headers are sent in
/// the order of their names (rskafka holds them in a map). When consuming, all headers come as
/// stored, one without a value as an empty value; all records of a fetch share its memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Determines the partition, and what log compaction keeps.
    pub key: Option<Bytes>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Names and values.
    pub headers: Vec<(String, Bytes)>,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
}
