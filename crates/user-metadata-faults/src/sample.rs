use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use user_metadata_testing::http;
use user_metadata_testing::process::WsServer;

const PERIOD: Duration = Duration::from_millis(200);

/// The state of ws-server at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    pub(crate) events: Events,
    pub(crate) is_degraded: bool,
    pub(crate) memory_bytes: u64,
    /// Memory or disk used by pending events.
    pub(crate) outbox_bytes: u64,
}

/// The counts of events in `/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Events {
    pub(crate) accepted: u64,
    pub(crate) recovered: u64,
    pub(crate) published: u64,
    pub(crate) pending: u64,
    pub(crate) dropped: u64,
    pub(crate) too_large: u64,
}

impl Events {
    pub(crate) fn read(status: &Value) -> Self {
        let events = &status["events"];
        let count = |name: &str| events[name].as_u64().unwrap_or_default();
        let dropped = events["dropped"].as_object();
        Self {
            accepted: count("accepted"),
            recovered: count("recovered"),
            published: count("published"),
            pending: count("pending"),
            dropped: dropped
                .into_iter()
                .flat_map(|reasons| reasons.values())
                .filter_map(Value::as_u64)
                .sum(),
            too_large: events["dropped"]["too_large"].as_u64().unwrap_or_default(),
        }
    }

    /// Whether every event is accounted for.
    pub(crate) fn add_up(&self) -> bool {
        self.accepted + self.recovered == self.published + self.pending + self.dropped
    }
}

/// Samples a ws-server several times a second until stopped.
pub(crate) struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<Vec<(Instant, io::Result<Sample>)>>,
}

impl Sampler {
    /// Starts with the process of this id, and continues with another once `pid` changes.
    pub(crate) fn begin(server: &WsServer, pid: Arc<AtomicU32>) -> Self {
        let (stop, stopped) = channel();
        let address = server.admin_listen().address();
        let thread = thread::spawn(move || collect(address, &pid, &stopped));
        Self { stop, thread }
    }

    /// All samples; an error for those that failed.
    pub(crate) fn stop(self) -> Vec<(Instant, io::Result<Sample>)> {
        drop(self.stop);
        match self.thread.join() {
            Ok(samples) => samples,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn collect(
    address: SocketAddr,
    pid: &AtomicU32,
    stopped: &Receiver<()>,
) -> Vec<(Instant, io::Result<Sample>)> {
    let mut samples = Vec::new();
    while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
        samples.push((Instant::now(), look(address, pid.load(Ordering::Relaxed))));
    }
    samples
}

fn look(address: SocketAddr, pid: u32) -> io::Result<Sample> {
    let status: Value = serde_json::from_str(&http::get(address, "/status")?.body)?;
    let metrics = http::get(address, "/metrics")?.body;
    let process = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let number = |text: &str, start: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(start));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        number.map(|number| number as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("no line with {start}"))
        })
    };
    Ok(Sample {
        events: Events::read(&status),
        is_degraded: status["readiness"]["status"] == "degraded",
        memory_bytes: number(&process, "VmRSS:")? << 10,
        outbox_bytes: number(&metrics, "user_metadata_outbox_bytes ")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_that_is_nowhere_is_missed() {
        let mut status = json!({ "events": {
            "accepted": 10, "recovered": 2, "published": 8, "pending": 1,
            "dropped": { "queue_full": 1, "too_large": 2 },
        }});
        let events = Events::read(&status);
        assert_eq!((events.dropped, events.too_large), (3, 2));
        assert!(events.add_up());
        status["events"]["published"] = 7.into();
        assert!(!Events::read(&status).add_up());
    }
}
