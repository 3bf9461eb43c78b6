use super::Properties;
use crate::disk::SmallDisk;
use crate::port::Port;
use crate::scratch::Scratch;

/// A broker's identity: its id in the cluster, its ports, its data.
#[derive(Debug)]
pub(super) struct Node {
    id: u32,
    pub(super) listen: Port,
    controller: Port,
    pub(super) disk: Option<SmallDisk>,
    data: Scratch,
}

impl Node {
    pub(super) fn new(id: u32) -> Self {
        Self {
            id,
            listen: Port::free(),
            controller: Port::free(),
            disk: None,
            data: Scratch::new("kafka-data"),
        }
    }

    pub(super) fn on(mut self, disk: SmallDisk) -> Self {
        self.disk = Some(disk);
        self
    }

    /// Replaces `{listen}` and `{controller}` by its addresses.
    #[cfg(feature = "secure")]
    pub(super) fn with_addresses(&self, text: &str) -> String {
        text.replace("{listen}", &self.listen.to_string())
            .replace("{controller}", &self.controller.to_string())
    }

    pub(super) fn properties(&self, voters: &str) -> Properties {
        let Self {
            listen, controller, ..
        } = self;
        let data = match &self.disk {
            Some(disk) => disk.file("data"),
            None => self.data.file("data"),
        };
        Properties::default()
            .with("process.roles", "broker,controller")
            .with("node.id", self.id)
            .with("controller.quorum.voters", voters)
            .with(
                "listeners",
                format_args!("PLAINTEXT://{listen},CONTROLLER://{controller}"),
            )
            .with("advertised.listeners", format_args!("PLAINTEXT://{listen}"))
            .with("controller.listener.names", "CONTROLLER")
            .with("inter.broker.listener.name", "PLAINTEXT")
            .with("log.dirs", data)
            .with("offsets.topic.replication.factor", 1)
            .with("offsets.topic.num.partitions", 5)
            .with("transaction.state.log.replication.factor", 1)
            .with("transaction.state.log.min.isr", 1)
            .with("group.initial.rebalance.delay.ms", 0)
            // A killed broker can rejoin only after its last session has expired; 9 s by default.
            .with("broker.session.timeout.ms", 3000)
            .with("broker.heartbeat.interval.ms", 500)
            // Unlike our topics, so that code that relies on the broker's default is found.
            .with("num.partitions", 1)
            .with("log.retention.check.interval.ms", 1000)
    }
}

/// The value of `controller.quorum.voters`.
pub(super) fn voters<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> String {
    let voters = nodes
        .into_iter()
        .map(|node| format!("{}@{}", node.id, node.controller));
    voters.collect::<Vec<_>>().join(",")
}
