use std::sync::Arc;
use std::time::Duration;

use metrics::Gauge;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use user_metadata_capture::Capture;
use user_metadata_publisher::{Publisher, PublisherStatus};

use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::{Readiness, ServerOptions};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) options: ServerOptions,
    pub(crate) capture: Capture,
    pub(crate) publisher: Publisher,
    pub(crate) limits: Arc<Limits>,
    pub(crate) metrics: Metrics,
    /// Upgraded connections that are open.
    pub(crate) sessions: TaskTracker,
    /// Cancelled when sessions are to close.
    pub(crate) draining: CancellationToken,
}

impl Shared {
    pub(crate) fn new(options: ServerOptions, capture: Capture, publisher: Publisher) -> Self {
        Self {
            limits: Arc::new(Limits::new(
                options.max_connections,
                options.max_connections_per_ip,
            )),
            metrics: Metrics::new(),
            sessions: TaskTracker::new(),
            draining: CancellationToken::new(),
            options,
            capture,
            publisher,
        }
    }

    pub(crate) fn readiness(&self) -> Readiness {
        if self.draining.is_cancelled() {
            return Readiness::Draining;
        }
        match self.publisher.status() {
            PublisherStatus::Healthy => Readiness::Ready,
            PublisherStatus::Degraded { reason, .. } => Readiness::Degraded(reason),
            _ => Readiness::Degraded("connecting to the topic".to_owned()),
        }
    }

    /// The time over which sessions are closed, so that not all clients come back at once.
    pub(crate) fn drain_spread(&self) -> Duration {
        const EACH: Duration = Duration::from_millis(1);
        const MAX: Duration = Duration::from_secs(5);
        let sessions = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
        EACH.saturating_mul(sessions)
            .min(MAX)
            .min(self.options.drain_timeout / 2)
    }
}

/// Counts a session as long as it is open.
pub(crate) struct OpenSession {
    connections: Gauge,
    _token: TaskTrackerToken,
}

impl OpenSession {
    pub(crate) fn enter(shared: &Shared) -> Self {
        shared.metrics.connections.increment(1.0);
        shared.metrics.connections_total.increment(1);
        Self {
            connections: shared.metrics.connections.clone(),
            _token: shared.sessions.token(),
        }
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.connections.decrement(1.0);
    }
}
