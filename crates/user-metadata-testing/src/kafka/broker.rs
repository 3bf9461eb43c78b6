use super::jars::Jars;
use super::ready::wait_until_ready;
use crate::missing::Missing;
use crate::port::Port;
use crate::process::Running;
use crate::scratch::Scratch;

/// One broker of its own, on a free port, with its own data; gone when this is dropped.
#[derive(Debug)]
pub struct Broker {
    running: Option<Running>,
    jars: Jars,
    listen: Port,
    scratch: Scratch,
    java_options: &'static str,
    _controller: Port,
}

/// What a broker has besides.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// More lines for `server.properties`; those that are there twice count as they are here.
    /// `{listen}` and `{controller}` stand for the addresses.
    pub(super) properties: String,
    /// More arguments for formatting its storage.
    pub(super) format: Vec<String>,
    /// For the Java that runs it.
    pub(super) java_options: &'static str,
}

impl Broker {
    /// Starts one and waits until it answers: 3 to 5 s.
    ///
    /// # Errors
    ///
    /// [`Missing`] without Java, or where Kafka's jars can't be had.
    pub fn start() -> Result<Self, Missing> {
        let mut broker = Self::stopped()?;
        broker.restart();
        Ok(broker)
    }

    /// One that does not run yet; its address is known, though.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn stopped() -> Result<Self, Missing> {
        Self::prepared(Extra::default())
    }

    /// One with more than the others have.
    pub(super) fn prepared(extra: Extra) -> Result<Self, Missing> {
        let jars = Jars::find()?;
        let (listen, controller) = (Port::free(), Port::free());
        let scratch = Scratch::new("kafka");
        let properties = scratch.file("server.properties");
        let text = server_properties(&listen, &controller, &scratch);
        let text = text
            + &extra
                .properties
                .replace("{listen}", &listen.to_string())
                .replace("{controller}", &controller.to_string());
        let written = std::fs::write(&properties, text);
        assert!(written.is_ok(), "{properties}: {written:?}");
        let format = ["format", "-t", CLUSTER_ID, "-c", &properties];
        let format = jars.program("kafka.tools.StorageTool", &format);
        let formatted = format.args(extra.format).start();
        match formatted.map(Running::wait) {
            Ok(ended) if ended.code == Some(0) => {}
            other => panic!("Kafka's storage could not be formatted: {other:?}"),
        }
        Ok(Self {
            running: None,
            jars,
            listen,
            scratch,
            java_options: extra.java_options,
            _controller: controller,
        })
    }

    /// What goes into `--brokers`.
    #[must_use]
    pub fn address(&self) -> String {
        self.listen.to_string()
    }

    /// Stops it where it is (SIGSTOP): connections stay open, nothing answers.
    pub fn freeze(&self) {
        self.running().freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.running().thaw();
    }

    /// Kills it (SIGKILL); port and data stay.
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.kill());
        }
    }

    /// Starts it again on the same port with the same data, and waits until it answers.
    pub fn restart(&mut self) {
        self.kill();
        let properties = self.scratch.file("server.properties");
        let program = self.jars.program("kafka.Kafka", &[&properties]);
        match program.env("JAVA_TOOL_OPTIONS", self.java_options).start() {
            Ok(mut running) => {
                wait_until_ready(&mut running, self.listen.address());
                self.running = Some(running);
            }
            Err(error) => panic!("Kafka could not be started: {error}"),
        }
    }

    pub(super) fn running(&self) -> &Running {
        match &self.running {
            Some(running) => running,
            None => panic!("the broker does not run"),
        }
    }
}

/// Any 16 bytes in base64: a broker talks to no other here.
const CLUSTER_ID: &str = "dXNlci1tZXRhZGF0YS10ZQ";

fn server_properties(listen: &Port, controller: &Port, scratch: &Scratch) -> String {
    let data = scratch.file("data");
    format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@{controller}\n\
         listeners=PLAINTEXT://{listen},CONTROLLER://{controller}\n\
         advertised.listeners=PLAINTEXT://{listen}\n\
         controller.listener.names=CONTROLLER\n\
         inter.broker.listener.name=PLAINTEXT\n\
         log.dirs={data}\n\
         offsets.topic.replication.factor=1\n\
         offsets.topic.num.partitions=5\n\
         transaction.state.log.replication.factor=1\n\
         transaction.state.log.min.isr=1\n\
         group.initial.rebalance.delay.ms=0\n\
         # A killed broker is let in again when its last session is over; 9 s by default.\n\
         broker.session.timeout.ms=3000\n\
         broker.heartbeat.interval.ms=500\n\
         # Not what a topic of ours has: who relies on the broker's default is found out.\n\
         num.partitions=1\n\
         log.retention.check.interval.ms=1000\n"
    )
}
