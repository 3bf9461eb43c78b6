use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};
use user_metadata_cli::{Health, LogGuard, Readiness};
use user_metadata_publisher::{PublisherMonitor, PublisherStatus};
use user_metadata_ws::ServerStatus;

/// The sources of `/readyz` and `/status`.
pub(crate) struct ServerHealth {
    pub(crate) server: ServerStatus,
    pub(crate) publisher: PublisherMonitor,
    pub(crate) topic: String,
    pub(crate) log: Arc<LogGuard>,
    pub(crate) started: Instant,
}

impl Health for ServerHealth {
    fn readiness(&self) -> Readiness {
        match self.server.readiness() {
            user_metadata_ws::Readiness::Ready => Readiness::Ready,
            user_metadata_ws::Readiness::Degraded(reason) => Readiness::Degraded(vec![reason]),
            _ => Readiness::Draining,
        }
    }

    fn status(&self) -> Value {
        let (_, readiness) = self.readiness().to_json();
        let accounting = self.publisher.accounting();
        let dropped = accounting.dropped.iter();
        let dropped: Map<String, Value> = dropped
            .map(|(reason, events)| (reason.as_str().to_owned(), events.into()))
            .collect();
        json!({
            "program": "ws-server",
            "version": env!("CARGO_PKG_VERSION"),
            "uptimeSeconds": self.started.elapsed().as_secs(),
            "readiness": readiness,
            "connections": self.server.connections(),
            "publishingTo": self.topic,
            "publisher": publisher(self.publisher.status()),
            "events": {
                "accepted": accounting.accepted,
                "recovered": accounting.recovered,
                "published": accounting.published,
                "pending": accounting.pending,
                "dropped": dropped,
                "pendingOnDisk": self.publisher.pending_on_disk(),
            },
            "logLinesLost": self.log.lost_lines(),
        })
    }
}

fn publisher(status: PublisherStatus) -> Value {
    match status {
        PublisherStatus::Healthy => json!({ "status": "healthy" }),
        PublisherStatus::Degraded { since, detail, .. } => json!({
            "status": "degraded",
            "since": since.to_string(),
            "what": detail,
        }),
        _ => json!({ "status": "connecting" }),
    }
}
