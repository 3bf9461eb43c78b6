use std::future::Future;
use std::time::Duration;

use user_metadata_events::{EventId, UserMetadataEvent};

use crate::{BoxError, Sink};

/// A sink to check, and the target that it writes to.
///
/// The target may hold other events already: every event of a check has an id of its own.
pub trait Subject: Send {
    /// The sink.
    type Sink: Sink;

    /// Opens the sink, each time on the same target, as a process does that starts again. The
    /// sink opened before was dropped.
    ///
    /// # Errors
    ///
    /// What went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn open(&mut self) -> impl Future<Output = Result<Self::Sink, BoxError>> + Send;

    /// Reads back all that the target holds, in the order in which it was stored, by a way of its
    /// own: not through the sink, which may be open meanwhile.
    ///
    /// # Errors
    ///
    /// What went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn stored(&mut self) -> impl Future<Output = Result<Vec<StoredEvent>, BoxError>> + Send;

    /// Makes the target unavailable to an open sink, or available again, and returns whether that
    /// could be done; without it, outages are not checked.
    ///
    /// # Errors
    ///
    /// What went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn set_available(
        &mut self,
        available: bool,
    ) -> impl Future<Output = Result<bool, BoxError>> + Send {
        let _ = available;
        async { Ok(false) }
    }

    /// Has the target answer nobody for `time`, beginning now, and then go on as if nothing had
    /// been; returns whether that could be done. Without it, slow targets are not checked.
    ///
    /// # Errors
    ///
    /// What went wrong; the check ends with [`Fault::Setup`](super::Fault::Setup).
    fn hold_up(&mut self, time: Duration) -> impl Future<Output = Result<bool, BoxError>> + Send {
        let _ = time;
        async { Ok(false) }
    }

    /// Changes an event, but not its ids and times, into one that the target can't take and
    /// [`takes`](Self::takes) is false of, and returns whether there is such a thing. Without it,
    /// that exactly those are rejected is checked only with text as long as it may be.
    fn spoil(&self, event: &mut UserMetadataEvent) -> bool {
        let _ = event;
        false
    }

    /// Whether an event that is delivered again is still stored once. If not, it must be stored
    /// at least once.
    fn deduplicates(&self) -> bool {
        true
    }

    /// Whether [`stored`](Self::stored) knows the order in which events were stored.
    fn is_ordered(&self) -> bool {
        true
    }

    /// Whether the target can take this event; the sink must reject every other. Some of the
    /// events have text as long as it may be, in every script, and some are as large as the wire
    /// allows.
    fn takes(&self, event: &UserMetadataEvent) -> bool {
        let _ = event;
        true
    }
}

/// An event as the target has it. The more it tells, the more is checked.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StoredEvent {
    /// The target tells the ids alone.
    Id(EventId),
    /// Id and text of the user.
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
