use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use user_metadata_events::{EncodedEvent, EventId, UnixMillis, UserMetadataEvent};

/// What is needed of an event once its record is on the way.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// Its place in the order of all events.
    pub(crate) sequence: u64,
    pub(crate) accepted_at: Instant,
    pub(crate) subject: Subject,
    /// What the event takes in memory, in bytes.
    pub(crate) memory: usize,
    /// What the record takes in a batch, in bytes.
    pub(crate) bytes: usize,
}

/// Which event it is, and whose.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) event_id: EventId,
    pub(crate) user_id: String,
    pub(crate) username: String,
}

/// What a record takes in a batch, and what its event takes in memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) batch: usize,
    pub(crate) memory: usize,
}

impl Sizes {
    /// What a record takes in a batch beyond its own bytes.
    const FRAMING: usize = 100;

    /// What an event takes in memory beyond key and value: receipt, allocations and indexes.
    const OVERHEAD: usize = 500;

    pub(crate) fn of(event: &EncodedEvent, source: &str) -> Self {
        Self {
            batch: event.record_size(source) + Self::FRAMING,
            memory: event.key().len() + event.value().len() + Self::OVERHEAD,
        }
    }
}

impl From<UserMetadataEvent> for Subject {
    fn from(event: UserMetadataEvent) -> Self {
        Self {
            event_id: event.id,
            user_id: event.user_id,
            username: event.username,
        }
    }
}

/// When an event that comes back from the disk was accepted: at its own time, as far as the clocks
/// agree.
pub(crate) fn accepted_at(timestamp: UnixMillis) -> Instant {
    let now = UnixMillis::from(SystemTime::now()).as_i64();
    let age = u64::try_from(now.saturating_sub(timestamp.as_i64())).unwrap_or(0);
    let now = Instant::now();
    now.checked_sub(Duration::from_millis(age)).unwrap_or(now)
}
