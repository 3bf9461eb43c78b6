use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use user_metadata_testing::kafka;
use user_metadata_testing::process::WsServer;
use user_metadata_testing::{Missing, Scratch, SmallDisk, until};

use crate::fault::Fault;
use crate::kafka::Kafka;
use crate::options::Options;

/// How long something that must happen may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The size in MiB of ws-server's disk that is to be filled.
const DISK_MIB: u32 = 32;

/// The running servers, and what the fault leaves behind.
pub(crate) struct Stage<'a> {
    pub(crate) cluster: &'a mut Kafka,
    pub(crate) topic: String,
    pub(crate) server: WsServer,
    /// Its process id.
    pub(crate) pid: Arc<AtomicU32>,
    /// A control server without Kafka: what happens to its joins is not caused by the fault.
    pub(crate) control: WsServer,
    pub(crate) disk: Option<SmallDisk>,
    flags: Vec<String>,
    pub(crate) notes: Notes,
    _data: Scratch,
}

/// What the judge has to know of a fault.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The ids of events that were acknowledged before the topic was recreated.
    pub(crate) gone_with_topic: BTreeSet<String>,
    /// When ws-server was killed, and when another answered.
    pub(crate) server_away: Option<(Instant, Instant)>,
    /// How many logins were refused.
    pub(crate) refused: usize,
}

impl<'a> Stage<'a> {
    /// Starts ws-server for a cluster that runs or will run.
    pub(crate) fn set(
        fault: Fault,
        options: &Options,
        cluster: &'a mut Kafka,
    ) -> Result<Self, Missing> {
        // A cluster may see several runs of one fault.
        let data = Scratch::new(fault.name());
        let topic = data.path().file_name().unwrap_or_default();
        let topic = topic.to_string_lossy().into_owned();
        let disk = match fault {
            Fault::OwnDiskFull => Some(SmallDisk::new(DISK_MIB)?),
            _ => None,
        };
        let folder = match &disk {
            Some(disk) => disk.file("data"),
            None => data.file("data"),
        };
        let mut flags = cluster.flags(&data);
        let more = [
            "--topic",
            &topic,
            "--replication-factor",
            &cluster.size().to_string(),
            "--outbox",
            &options.outbox.to_string(),
            "--data-dir",
            &folder,
        ];
        flags.extend(more.map(str::to_owned));
        let as_given: Vec<&str> = flags.iter().map(String::as_str).collect();
        let server = WsServer::start_on(disk.as_ref(), &as_given);
        let control = WsServer::start(&["--data-dir", &data.file("control")]);
        Ok(Self {
            pid: Arc::new(server.running.pid().into()),
            control,
            flags,
            cluster,
            topic,
            server,
            disk,
            notes: Notes::default(),
            _data: data,
        })
    }

    /// The address of a running broker.
    pub(crate) fn living(&mut self) -> String {
        let brokers = self.cluster.iter_mut();
        let living = brokers.filter_map(|broker| broker.is_running().then(|| broker.address()));
        living.take(1).collect()
    }

    /// The node id of the leader of partition 0.
    pub(crate) fn leader(&mut self) -> Result<u32, Missing> {
        let living = self.living();
        let states = kafka::topic(&living, &self.topic)?.unwrap_or_default();
        Ok(states.first().and_then(|state| state.leader).unwrap_or(1))
    }

    /// The index of the leader of partition 0, whose failure is noticed.
    pub(crate) fn victim(&mut self) -> Result<usize, Missing> {
        Ok(self.leader()? as usize - 1)
    }

    /// Kills ws-server and starts another in its place.
    pub(crate) fn kill_server(&mut self) {
        let killed_at = Instant::now();
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        drop(self.server.kill_and_start_on(self.disk.as_ref(), &flags));
        self.pid.store(self.server.running.pid(), Ordering::Relaxed);
        self.notes.server_away = Some((killed_at, Instant::now()));
    }

    /// Waits until ws-server reports that nothing is wrong.
    pub(crate) fn wait_until_healthy(&self) {
        until("a ws-server that is ready", LIMIT, || {
            let status = self.status();
            (status["publisher"]["status"] == "healthy" && status["readiness"]["status"] == "ready")
                .then_some(())
        });
    }

    /// Waits until no event is pending.
    pub(crate) fn wait_until_delivered(&self) {
        until("the delivery of all that is pending", 2 * LIMIT, || {
            (self.status()["events"]["pending"] == 0).then_some(())
        });
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.server.admin("/status").body).unwrap_or_default()
    }

    /// The ids of all events that ws-server has logged as delivered so far.
    pub(crate) fn delivered(&self) -> BTreeSet<String> {
        let lines = self.server.running.stderr().so_far();
        let ids = lines.iter().filter_map(|line| {
            let (_, rest) = line.split_once("event_id=")?;
            rest.split(' ').next().map(str::to_owned)
        });
        ids.collect()
    }
}

/// Lets time pass while something is measured.
pub(crate) fn pass(time: Duration) {
    let start = Instant::now();
    until("the time to pass", time + LIMIT, || {
        (start.elapsed() >= time).then_some(())
    });
}
