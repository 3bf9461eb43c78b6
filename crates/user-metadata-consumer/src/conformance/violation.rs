use std::time::Duration;

use user_metadata_events::EventId;

use crate::BoxError;

/// What a sink did wrong, and in which case.
#[derive(Debug, thiserror::Error)]
#[error("{case}: {fault}")]
pub struct Violation {
    case: &'static str,
    #[source]
    fault: Fault,
}

impl Violation {
    pub(super) const fn new(case: &'static str, fault: Fault) -> Self {
        Self { case, fault }
    }

    /// The case, e.g. `a crash after a batch was stored`.
    #[must_use]
    pub const fn case(&self) -> &'static str {
        self.case
    }

    /// What it did wrong.
    #[must_use]
    pub const fn fault(&self) -> &Fault {
        &self.fault
    }
}

/// What a sink did wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// An event is not in the target.
    #[error(
        "`write` returned Ok, and {missing} of {sent} events are not in the target; the first that \
         is missing is number {first}"
    )]
    Lost {
        /// How many are missing.
        missing: usize,
        /// How many there should be.
        sent: usize,
        /// The number of the first missing event, counted from 1 in the order of delivery.
        first: usize,
    },
    /// An event is in the target several times.
    #[error(
        "event {id} is {times} times in the target; be idempotent on `event.id`, or say so in \
         `Subject::deduplicates`"
    )]
    Duplicated {
        /// The event.
        id: EventId,
        /// How often.
        times: usize,
    },
    /// Events of one partition are stored in another order than they were delivered in.
    #[error("the events of partition {partition} are stored in another order than they came in")]
    Reordered {
        /// The partition.
        partition: u32,
    },
    /// An event is stored with another text.
    #[error("event {id} comes back with another {field}: sent {sent}, stored {stored}")]
    Changed {
        /// The event.
        id: EventId,
        /// The field that has changed, named as in JSON.
        field: &'static str,
        /// As it was delivered.
        sent: String,
        /// As it was read back.
        stored: String,
    },
    /// It rejects an event that it must not, or accepts one that it must reject.
    #[error("{0}")]
    Rejection(String),
    /// `write` returned something other than it should.
    #[error("`write` should have returned {expected}, and {got}")]
    Answer {
        /// What it should have returned.
        expected: &'static str,
        /// What it returned.
        got: String,
    },
    /// `write` blocked its thread while it waited for the target.
    #[error(
        "`write` blocked its thread for {time:?} while the target was slow: everything else that \
         runs there waits, too; use a thread for what blocks"
    )]
    Blocked {
        /// How long, without a break.
        time: Duration,
    },
    /// Not the sink's fault: it could not be opened, or its target could not be read.
    #[error("the check could not be done: {0}")]
    Setup(#[source] BoxError),
}

impl Fault {
    pub(super) fn setup(cause: impl Into<BoxError>) -> Self {
        Self::Setup(cause.into())
    }
}
