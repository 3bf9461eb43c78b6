use std::fmt;
use std::sync::Arc;

use user_metadata_events::{Record, UserMetadataEvent};

/// One event as a sink gets it: decoded, and as it came.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The event.
    pub event: UserMetadataEvent,
    /// The record that held it: key, raw value, headers, timestamp.
    pub record: Record,
    /// Where the record lies.
    pub position: Position,
}

impl Delivery {
    /// Puts an event together with the record that held it.
    #[must_use]
    pub const fn new(event: UserMetadataEvent, record: Record, position: Position) -> Self {
        Self {
            event,
            record,
            position,
        }
    }
}

/// The place of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: u32,
    /// The offset in the partition, from 0.
    pub offset: u64,
}

/// `user-metadata[2]@17`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]@{}", self.topic, self.partition, self.offset)
    }
}
