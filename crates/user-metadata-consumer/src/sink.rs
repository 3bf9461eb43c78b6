use std::error::Error;
use std::future::Future;
use std::time::Duration;

use crate::Delivery;

/// The cause of an error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// A place to store events.
///
/// Each sink runs in its own task and reads as its own consumer group, so a slow one holds up no
/// other. Delivery is at least once: be idempotent on `event.id`.
pub trait Sink: Send + 'static {
    /// Connects to the target and creates what it needs (tables, indexes, topics), so that mistakes
    /// show before the first event. Called before the first batch, and again after a back-off while
    /// it returns [`Unavailable`](SinkError::Unavailable). A check of the configuration calls it
    /// without any batch after it. Must do no harm if everything exists already.
    ///
    /// Bound every wait. By default there is nothing to do.
    ///
    /// # Errors
    ///
    /// [`SinkError`]: what is wrong with the target.
    fn prepare(&mut self) -> impl Future<Output = Result<(), SinkError>> + Send {
        async { Ok(()) }
    }

    /// Stores `batch` durably and returns the events that the target will never accept; the
    /// consumer makes dead letters of those and then commits past the batch. Within a partition,
    /// events come in the order of their offsets; a batch is never empty and never contains a
    /// tombstone.
    ///
    /// Bound every wait: a batch is retried after an error, but not before this call has ended.
    ///
    /// # Errors
    ///
    /// [`SinkError`]: nothing of the batch counts as stored.
    fn write(
        &mut self,
        batch: &[Delivery],
    ) -> impl Future<Output = Result<Vec<Rejection>, SinkError>> + Send;
}

/// One event of a batch that the target will never accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The event's index in the batch.
    pub index: usize,
    /// Why; becomes the header `dlq_reason` of the dead letter.
    pub reason: String,
}

impl Rejection {
    /// Rejects the event at `index` of the batch.
    #[must_use]
    pub fn new(index: usize, reason: impl Into<String>) -> Self {
        Self {
            index,
            reason: reason.into(),
        }
    }
}

/// Why a batch was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The target is down or busy: the same batch is written again after a back-off.
    #[error("sink is unavailable")]
    Unavailable {
        /// How long the target asks to wait.
        retry_after: Option<Duration>,
        /// What is wrong.
        #[source]
        source: BoxError,
    },
    /// The target accepts no more, like a closed pipe: the sink ends, which is not a failure.
    #[error("sink is closed")]
    Closed,
    /// The sink can't continue, whatever happens (wrong password, no such database).
    #[error("sink has failed for good")]
    Fatal(#[source] BoxError),
}

impl SinkError {
    /// The target is down or busy, and did not say for how long.
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::Unavailable {
            retry_after: None,
            source: source.into(),
        }
    }

    /// The sink can't continue.
    pub fn fatal(source: impl Into<BoxError>) -> Self {
        Self::Fatal(source.into())
    }
}
