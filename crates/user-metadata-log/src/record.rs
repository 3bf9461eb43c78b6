use bytes::Bytes;

/// One record of the log: the same parts as a Kafka record. Records that were read share the memory
/// of their batch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogRecord {
    /// What the partition is chosen by; `None` if any partition will do.
    pub key: Option<Bytes>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Names and values, in order; a name may come twice.
    pub headers: Vec<(String, Bytes)>,
    /// When it happened, in milliseconds since the epoch. Retention and
    /// [`LogReader::offset_at`](crate::LogReader::offset_at) go by it.
    pub timestamp_ms: i64,
}

impl LogRecord {
    /// Returns the bytes of key, value and headers, without any framing.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(n, v)| n.len() + v.len()).sum();
        self.key.as_ref().map_or(0, Bytes::len)
            + self.value.as_ref().map_or(0, Bytes::len)
            + headers
    }
}

/// Records that are appended to one partition together: one row of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Batch<'a> {
    /// The partition, from 0.
    pub partition: u32,
    /// The records, in the order they will be read in.
    pub records: &'a [LogRecord],
}

/// A record as it was read, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRecord {
    /// The record's offset in its partition.
    pub offset: u64,
    /// The record.
    pub record: LogRecord,
}
