//! The consumer: which sinks run and what they read.

mod builder;
mod check;
mod error;
mod feed;
mod start;

use std::collections::{HashMap, HashSet};
use std::fmt;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub use builder::{ConsumerBuilder, StartFrom};
pub use check::ConfigCheck;
pub use error::{BuildError, RunError};
pub(crate) use feed::{Backend, Feed, Reading};
pub(crate) use start::Start;

use crate::ConsumerStatus;
use crate::pipeline::{End, Monitor, in_words};
use crate::status::{SharedStatus, lock};

/// Reads a topic into sinks. Each sink has its own task and its own consumer group.
#[must_use = "nothing happens until it runs"]
pub struct Consumer {
    pipelines: Vec<(Monitor, Feed, Start)>,
    status: ConsumerStatus,
}

/// What a consumer has done from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Every sink, in the order in which they were added.
    pub sinks: Vec<SinkSummary>,
}

/// What one sink has done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkSummary {
    /// The sink's name.
    pub name: String,
    /// Events stored.
    pub written: u64,
    /// Records sent to the dead-letter topic.
    pub dead_lettered: u64,
    /// Whether it ended because its target wanted no more events.
    pub is_closed: bool,
}

impl Consumer {
    /// Starts to configure a consumer.
    pub fn builder() -> ConsumerBuilder {
        ConsumerBuilder::default()
    }

    pub(crate) const fn new(
        pipelines: Vec<(Monitor, Feed, Start)>,
        status: ConsumerStatus,
    ) -> Self {
        Self { pipelines, status }
    }

    /// A handle to the state of the consumer, also while it runs.
    #[must_use]
    pub fn status(&self) -> ConsumerStatus {
        self.status.clone()
    }

    /// Reads until `stop`, or until no sink is running any more. A batch that is being written at
    /// `stop` is finished and committed first. If that takes too long because a target is slow,
    /// drop the future: what is not committed is read again.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`RunError`] if no sink is running any more and one has failed.
    pub async fn run(self, stop: CancellationToken) -> Result<Summary, RunError> {
        let mut tasks = JoinSet::new();
        let mut running: HashMap<Id, SharedStatus> = HashMap::new();
        for (monitor, feed, start) in self.pipelines {
            let shared = monitor.shared();
            let task = tasks.spawn(start(monitor, feed, stop.clone()));
            running.insert(task.id(), shared);
        }
        let (mut failure, mut closed) = (None, HashSet::new());
        while let Some(ended) = tasks.join_next_with_id().await {
            let (id, end) = match ended {
                Ok((id, end)) => (id, end),
                Err(error) => (error.id(), panicked(&error)),
            };
            if let Some(shared) = running.remove(&id) {
                if matches!(end, End::Closed) {
                    closed.insert(lock(&shared).name.to_string());
                }
                let failed = finish(&shared, end);
                failure = failure.or(failed);
            }
        }
        match failure {
            Some(failure) if !stop.is_cancelled() => Err(failure),
            _ => Ok(summary(&self.status, &closed)),
        }
    }
}

/// Records the end of a sink. Returns the error if it has failed.
fn finish(shared: &SharedStatus, end: End) -> Option<RunError> {
    let sink = lock(shared).name.to_string();
    match end {
        End::Stopped => {
            Monitor::finished(shared, None);
            None
        }
        End::Closed => {
            info!(sink, "the sink's target accepts no more; the sink ends");
            Monitor::finished(shared, None);
            None
        }
        End::Failed(source) => {
            let reason = in_words(&*source);
            error!(sink, reason, "the sink stops for good");
            Monitor::finished(shared, Some(&reason));
            Some(RunError::SinkFailed { sink, source })
        }
    }
}

fn panicked(error: &JoinError) -> End {
    End::Failed(format!("it panicked: {error}").into())
}

fn summary(status: &ConsumerStatus, closed: &HashSet<String>) -> Summary {
    let sinks = status.sinks().into_iter().map(|sink| SinkSummary {
        is_closed: closed.contains(&sink.name),
        name: sink.name,
        written: sink.written,
        dead_lettered: sink.dead_lettered,
    });
    Summary {
        sinks: sinks.collect(),
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
