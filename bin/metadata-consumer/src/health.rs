use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use user_metadata_cli::{Health, LogGuard, Readiness};
use user_metadata_consumer::{ConsumerHealth, ConsumerStatus, SinkState, SinkStatus};

/// The sources of `/readyz` and `/status`.
pub(crate) struct ReaderHealth {
    pub(crate) consumer: ConsumerStatus,
    pub(crate) topic: String,
    pub(crate) log: Arc<LogGuard>,
    pub(crate) stop: CancellationToken,
    pub(crate) started: Instant,
}

impl Health for ReaderHealth {
    fn readiness(&self) -> Readiness {
        if self.stop.is_cancelled() {
            return Readiness::Draining;
        }
        match self.consumer.health() {
            ConsumerHealth::Ready => Readiness::Ready,
            ConsumerHealth::Degraded(reasons) => Readiness::Degraded(reasons),
            ConsumerHealth::NotReady(reasons) => Readiness::NotReady(reasons),
            _ => Readiness::NotReady(Vec::new()),
        }
    }

    fn status(&self) -> Value {
        let (_, readiness) = self.readiness().to_json();
        let sinks: Vec<Value> = self.consumer.sinks().iter().map(sink).collect();
        json!({
            "program": "metadata-consumer",
            "version": env!("CARGO_PKG_VERSION"),
            "uptimeSeconds": self.started.elapsed().as_secs(),
            "readiness": readiness,
            "consumingFrom": self.topic,
            "sinks": sinks,
            "logLinesLost": self.log.lost_lines(),
        })
    }
}

fn sink(sink: &SinkStatus) -> Value {
    let state = match sink.state {
        SinkState::Starting => "starting",
        SinkState::Running => "running",
        SinkState::Failed => "failed",
        _ => "ended",
    };
    let problems = sink
        .problems
        .iter()
        .map(|problem| json!({ "what": problem.what, "since": problem.since.to_string() }));
    let lags = sink.lags.iter().map(|lag| {
        json!({
            "partition": lag.partition,
            "lagRecords": lag.lag_records,
            "lagMs": millis(lag.lag),
            "silentMs": millis(lag.silent),
        })
    });
    json!({
        "name": sink.name,
        "group": sink.group,
        "state": state,
        "inWords": sink.to_string(),
        "problems": problems.collect::<Vec<_>>(),
        "partitions": sink.partitions,
        "lagRecords": sink.lag_records,
        "lagMs": millis(sink.lag),
        "lags": lags.collect::<Vec<_>>(),
        "stalledMs": millis(sink.stalled),
        "written": sink.written,
        "deadLettered": sink.dead_lettered,
        "lost": sink.lost,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
