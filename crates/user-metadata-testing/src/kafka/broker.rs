use std::net::SocketAddr;

use super::Properties;
use super::jars;
use super::node::{Node, voters};
use super::ready::brokers_known_to;
use crate::disk::SmallDisk;
use crate::jars::Jars;
use crate::missing::Missing;
use crate::process::{Restartable, Running};
use crate::scratch::Scratch;

/// A broker on a free port, with its own data; stopped and removed when this is dropped.
#[derive(Debug)]
pub struct Broker {
    pub(super) process: Restartable,
    jars: Jars,
    node: Node,
    scratch: Scratch,
    java_options: &'static str,
}

/// What a secure broker has in addition.
#[cfg(feature = "secure")]
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Lines of `server.properties` that replace the defaults. `{listen}` and `{controller}` stand
    /// for the addresses.
    pub(super) properties: String,
    /// More arguments for formatting its storage.
    pub(super) format: Vec<String>,
    /// Options of the JVM that runs it.
    pub(super) java_options: &'static str,
}

impl Broker {
    /// Starts a broker and waits until it answers: 3 to 5 s.
    ///
    /// # Errors
    ///
    /// [`Missing`] without Java, or if Kafka's jars can't be downloaded.
    pub fn start() -> Result<Self, Missing> {
        let mut broker = Self::stopped()?;
        broker.restart();
        Ok(broker)
    }

    /// A broker that is not started yet; its address is known already.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn stopped() -> Result<Self, Missing> {
        Self::with(&Properties::default())
    }

    /// A broker that is not started yet, with these properties in addition to the defaults.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn with(properties: &Properties) -> Result<Self, Missing> {
        let node = Node::new(1);
        let properties = node.properties(&voters([&node])).replaced_by(properties);
        let mut broker = Self::new(node, &properties)?;
        broker.begin_format().wait_until_formatted();
        Ok(broker)
    }

    /// A broker that is not started yet, with more than the others have.
    #[cfg(feature = "secure")]
    pub(super) fn prepared(extra: &Extra) -> Result<Self, Missing> {
        let node = Node::new(1);
        let lines = node.with_addresses(&extra.properties);
        let properties = node
            .properties(&voters([&node]))
            .replaced_by(&Properties::read(&lines));
        let mut broker = Self::new(node, &properties)?;
        broker.java_options = extra.java_options;
        let more: Vec<&str> = extra.format.iter().map(String::as_str).collect();
        broker.begin_format_with(&more).wait_until_formatted();
        Ok(broker)
    }

    /// A node of a cluster, not formatted yet.
    pub(super) fn new(node: Node, properties: &Properties) -> Result<Self, Missing> {
        let jars = jars::find()?;
        let scratch = Scratch::new("kafka");
        let file = scratch.file("server.properties");
        let written = std::fs::write(&file, properties.to_string());
        assert!(written.is_ok(), "{file}: {written:?}");
        Ok(Self {
            process: Restartable::new("Kafka"),
            jars,
            node,
            scratch,
            java_options: "",
        })
    }

    /// Begins to format its storage, which is done once.
    pub(super) fn begin_format(&mut self) -> &mut Self {
        self.begin_format_with(&[])
    }

    fn begin_format_with(&mut self, more: &[&str]) -> &mut Self {
        let arguments = [&["format", "-t", CLUSTER_ID], more, &["-c"]].concat();
        self.begin("kafka.tools.StorageTool", &arguments);
        self
    }

    pub(super) fn wait_until_formatted(&mut self) {
        match self.process.take().map(Running::wait) {
            Some(ended) if ended.code == Some(0) => {}
            other => panic!("Kafka's storage could not be formatted: {other:?}"),
        }
    }

    /// The value for `--brokers`.
    #[must_use]
    pub fn address(&self) -> String {
        self.node.listen.to_string()
    }

    /// The address that it listens on.
    pub(super) fn listen(&self) -> SocketAddr {
        self.node.listen.address()
    }

    /// Freezes it (SIGSTOP): connections stay open, nothing answers.
    pub fn freeze(&self) {
        self.process.running().freeze();
    }

    /// Lets it continue (SIGCONT).
    pub fn thaw(&self) {
        self.process.running().thaw();
    }

    /// Kills it (SIGKILL); port and data stay.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop (SIGTERM), as an operator does, and waits until it has: it hands its
    /// partitions over to the others. Port and data stay.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts it again on the same port with the same data, and waits until it answers.
    pub fn restart(&mut self) {
        self.begin_restart();
        self.wait_until_it_knows(1);
    }

    /// [`restart`](Self::restart) without the waiting.
    pub(super) fn begin_restart(&mut self) {
        self.begin("kafka.Kafka", &[]);
    }

    /// Waits until it knows this many brokers of its cluster.
    pub(super) fn wait_until_it_knows(&mut self, brokers: u32) {
        let address = self.node.listen.address();
        self.process
            .wait_until_ready(|| brokers_known_to(address).is_ok_and(|known| known >= brokers));
    }

    /// Whether it runs, frozen or not. It may end by itself, e.g. when its disk is full.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The small disk with its data, if it has one.
    #[must_use]
    pub fn disk(&self) -> Option<&SmallDisk> {
        self.node.disk.as_ref()
    }

    /// Starts one of Kafka's programs, with the properties file as the last argument.
    fn begin(&mut self, class: &str, arguments: &[&str]) {
        let program = self.jars.program(class, arguments);
        let program = program
            .arg(self.scratch.file("server.properties"))
            .env("JAVA_TOOL_OPTIONS", self.java_options)
            .on(self.disk());
        self.process.start(program);
    }
}

/// Any 16 bytes in base64; no other cluster is near.
const CLUSTER_ID: &str = "dXNlci1tZXRhZGF0YS10ZQ";
