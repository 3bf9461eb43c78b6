use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use user_metadata_events::{EventId, Record, UnixMillis, UserMetadataEvent};

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
    /// Unknown only of a record that a newer version has left in the outbox.
    pub(crate) event_id: Option<EventId>,
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

    /// What an event takes in memory beyond its record's bytes: allocations and indexes.
    const OVERHEAD: usize = 900;

    pub(crate) fn of(record: &Record) -> Self {
        let size = record.size();
        Self {
            batch: size + Self::FRAMING,
            memory: size + Self::OVERHEAD,
        }
    }
}

impl From<UserMetadataEvent> for Subject {
    fn from(event: UserMetadataEvent) -> Self {
        Self {
            event_id: Some(event.id),
            user_id: event.user_id,
            username: event.username,
        }
    }
}

impl From<&Record> for Subject {
    fn from(record: &Record) -> Self {
        match UserMetadataEvent::decode(record.value.as_deref()) {
            Ok(event) => event.into(),
            Err(_) => {
                let key = record.key.as_deref().unwrap_or_default();
                let user_id = String::from_utf8_lossy(key).into_owned();
                Self {
                    event_id: None,
                    username: user_id.clone(),
                    user_id,
                }
            }
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
