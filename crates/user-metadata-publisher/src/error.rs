use user_metadata_events::EncodeError;

/// Why an event was not queued. It is counted as dropped; the join goes on either way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The topic is slower than the joins, or away, and no more events may wait.
    #[error("outbox is full ({events} events, {bytes} bytes)")]
    QueueFull {
        /// The events that wait.
        events: usize,
        /// The bytes they take.
        bytes: usize,
    },
    /// The publisher task has ended.
    #[error("publisher has shut down")]
    Closed,
    /// The event can't be written as a record.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}
