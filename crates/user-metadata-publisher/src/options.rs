use std::time::Duration;

/// The limits of a publisher, and how it batches.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublisherOptions {
    /// The most events that may wait for their acknowledgement. Default 100,000.
    pub max_events: usize,
    /// The most memory that they may take, in bytes (an estimate). Default 64 MiB.
    pub max_bytes: usize,
    /// How long an event may wait for others to share its batch. Default 5 ms.
    pub linger: Duration,
    /// The `ce_source` of the records: a URI that names this producer. Default
    /// `/user-metadata-publisher`.
    pub source: String,
}

impl Default for PublisherOptions {
    fn default() -> Self {
        Self {
            max_events: 100_000,
            max_bytes: 64 << 20,
            linger: Duration::from_millis(5),
            source: "/user-metadata-publisher".to_owned(),
        }
    }
}
