use std::future::Future;
use std::time::Duration;

use user_metadata_events::{EventId, UserMetadataEvent};

use crate::{BoxError, Sink};

/// A sink to check, and the target that it writes to.
///
/// The target may already hold other events: every event of a check has an id of its own.
pub trait Subject: Send {
    /// The sink.
    type Sink: Sink;

    /// Opens the sink, each time on the same target, like a process that restarts. The sink opened
    /// before was dropped.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn open(&mut self) -> impl Future<Output = Result<Self::Sink, BoxError>> + Send;

    /// Reads back everything in the target, in the order in which it was stored, and not through
    /// the sink, which may be open at the same time.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn stored(&mut self) -> impl Future<Output = Result<Vec<StoredEvent>, BoxError>> + Send;

    /// Makes the target unavailable to an open sink, or available again, and returns whether that
    /// was possible; without it, outages are not checked.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn set_available(
        &mut self,
        available: bool,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send {
        let _ = available;
        async { Ok(false) }
    }

    /// Makes the target respond to nobody for `time`, beginning now, and then continue as if
    /// nothing had happened; returns whether that was possible. Without it, slow targets are not
    /// checked.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn hold_up(&mut self, time: Duration) -> impl Future<Output = Result<bool, BoxError>> + Send {
        let _ = time;
        async { Ok(false) }
    }

    /// Changes an event, except for its ids and times, into one that the target can't take and for
    /// which [`takes`](Self::takes) is false, and returns whether there is such a thing. Without
    /// it, rejections are checked only with text of maximum length.
    fn spoil(&self, event: &mut UserMetadataEvent) -> bool {
        let _ = event;
        false
    }

    /// Whether an event that is delivered again is still stored once. If not, it must be stored
    /// at least once.
    fn deduplicates(&self) -> bool {
        true
    }

    /// Whether [`stored`](Self::stored) returns events in the order in which they were stored.
    fn is_ordered(&self) -> bool {
        true
    }

    /// Whether the target can take this event; the sink must reject all others. Some of the events
    /// have text of maximum length, in several scripts, and some are as large as the wire format
    /// allows.
    fn takes(&self, event: &UserMetadataEvent) -> bool {
        let _ = event;
        true
    }
}

/// An event as stored in the target. The more it contains, the more is checked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StoredEvent {
    /// Only the id is known.
    Id(EventId),
    /// The id and the text of the user.
    User {
        /// `id`.
        id: EventId,
        /// `userId`.
        user_id: String,
        /// `username`.
        username: String,
    },
    /// Everything.
    Event(Box<UserMetadataEvent>),
}

impl StoredEvent {
    /// The event's id.
    #[must_use]
    pub fn id(&self) -> EventId {
        match self {
            Self::Id(id) | Self::User { id, .. } => *id,
            Self::Event(event) => event.id,
        }
    }
}

impl From<EventId> for StoredEvent {
    fn from(id: EventId) -> Self {
        Self::Id(id)
    }
}

impl From<UserMetadataEvent> for StoredEvent {
    fn from(event: UserMetadataEvent) -> Self {
        Self::Event(Box::new(event))
    }
}
