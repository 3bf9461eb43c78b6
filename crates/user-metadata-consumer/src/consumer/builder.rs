use std::collections::BTreeSet;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use user_metadata_events::{DEFAULT_PARTITIONS, TOPIC, UnixMillis};

#[cfg(feature = "kafka")]
use super::feed::Membership;
use super::feed::{Backend, Feed, Reading, dead_letter_topic};
use super::start::{Start, start};
use super::{BuildError, Consumer, RunError, Summary};
use crate::pipeline::{BatchLimits, Monitor};
use crate::replay::{self, Replay, ReplayCounter, ReplayError, ReplayRequest};
use crate::{ConsumerStatus, Sink};

/// Where a sink starts if its group has no position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StartFrom {
    /// At the oldest available event.
    #[default]
    Earliest,
    /// After the newest event.
    Latest,
    /// At the first event of this moment or later.
    At(UnixMillis),
}

const MAX_EVENTS: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// What a [`Consumer`] reads, and the sinks that it writes to.
#[must_use]
pub struct ConsumerBuilder {
    pub(super) backend: Option<Backend>,
    pub(super) topic: String,
    pub(super) partitions: NonZeroU32,
    pub(super) replication_factor: NonZeroU16,
    pub(super) group: String,
    start_from: StartFrom,
    limits: BatchLimits,
    #[cfg(feature = "kafka")]
    membership: Membership,
    sinks: Vec<(String, Start)>,
}

impl Default for ConsumerBuilder {
    fn default() -> Self {
        Self {
            backend: None,
            topic: TOPIC.to_owned(),
            partitions: DEFAULT_PARTITIONS,
            replication_factor: NonZeroU16::MIN,
            group: "user-metadata".to_owned(),
            start_from: StartFrom::default(),
            limits: BatchLimits {
                max_events: MAX_EVENTS,
                max_wait: Duration::from_millis(200),
            },
            #[cfg(feature = "kafka")]
            membership: Membership::default(),
            sinks: Vec::new(),
        }
    }
}

impl ConsumerBuilder {
    /// Reads from Kafka.
    #[cfg(feature = "kafka")]
    pub fn kafka(mut self, options: user_metadata_kafka::KafkaOptions) -> Self {
        self.backend = Some(Backend::Kafka(options));
        self
    }

    /// Reads the embedded log in this directory. The consumer waits until a publisher has created
    /// it.
    #[cfg(feature = "embedded")]
    pub fn log(mut self, data_dir: impl Into<std::path::PathBuf>) -> Self {
        let dir = user_metadata_log::DataDir::new(data_dir);
        self.backend = Some(Backend::Log(dir));
        self
    }

    /// The topic; default [`TOPIC`]. The embedded log has only one, and this is its name.
    pub fn topic(mut self, name: impl Into<String>) -> Self {
        self.topic = name.into();
        self
    }

    /// How many partitions the topic gets if it is created; default 3. Only for Kafka.
    pub fn partitions(mut self, partitions: NonZeroU32) -> Self {
        self.partitions = partitions;
        self
    }

    /// The replication factor of the topic if it is created; default 1. Only for Kafka.
    pub fn replication_factor(mut self, replication_factor: NonZeroU16) -> Self {
        self.replication_factor = replication_factor;
        self
    }

    /// The consumer group, to which each sink's name is added: `GROUP.NAME`; default
    /// `user-metadata`.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// How the partitions are assigned to the members of a group; default
    /// [`Classic`](crate::GroupProtocol::Classic). Only for Kafka.
    #[cfg(feature = "kafka")]
    pub fn group_protocol(mut self, protocol: crate::GroupProtocol) -> Self {
        self.membership.protocol = Some(protocol);
        self
    }

    /// Makes this process a static member of its groups, under `ID.NAME` for each sink: if it comes
    /// back within the session timeout, it gets its partitions back without a rebalance. In the
    /// meantime nobody reads them. Each process needs an id of its own. Only for Kafka.
    #[cfg(feature = "kafka")]
    pub fn group_instance_id(mut self, id: impl Into<String>) -> Self {
        self.membership.instance_id = Some(id.into());
        self
    }

    /// How long a group waits for a heartbeat before it takes this process's partitions away;
    /// default 10 s. With [`GroupProtocol::Consumer`](crate::GroupProtocol::Consumer) only the
    /// broker's setting counts. Only for Kafka.
    #[cfg(feature = "kafka")]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.membership.session_timeout = Some(timeout);
        self
    }

    /// Where a sink starts if its group has no position; default [`Earliest`](StartFrom::Earliest).
    pub fn start_from(mut self, start_from: StartFrom) -> Self {
        self.start_from = start_from;
        self
    }

    /// The most events in a batch; default 1,000.
    pub fn batch_max_events(mut self, events: NonZeroUsize) -> Self {
        self.limits.max_events = events;
        self
    }

    /// How long an event may wait for its batch to fill; default 200 ms.
    pub fn batch_max_wait(mut self, wait: Duration) -> Self {
        self.limits.max_wait = wait;
        self
    }

    /// Adds a sink. `name` (lower-case letters, digits, dashes) is part of its group's name, so
    /// under another name it starts over.
    pub fn sink(mut self, name: impl Into<String>, sink: impl Sink) -> Self {
        self.sinks.push((name.into(), start(sink)));
        self
    }

    /// Prepares to read events or dead letters again into the same sinks, up to what the topic
    /// holds now. Nothing is created or changed, except that on the embedded log a replay of dead
    /// letters takes their group `GROUP.NAME.replay`.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] names the remedy; an outage of Kafka is not waited for.
    pub async fn replay(self, request: &ReplayRequest) -> Result<Replay, ReplayError> {
        check_names(self.sinks.iter().map(|(name, _)| &**name))?;
        let (settings, sinks) = self.settings()?;
        replay::open(&settings, sinks, request).await
    }

    /// Prepares to count what [`replay`](Self::replay) would read. Only the names of the sinks
    /// matter.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// As [`replay`](Self::replay).
    pub async fn count_replay(
        self,
        sinks: &[&str],
        request: &ReplayRequest,
    ) -> Result<ReplayCounter, ReplayError> {
        let (settings, _) = self.settings()?;
        ReplayCounter::open(&settings, sinks, request).await
    }

    fn settings(self) -> Result<(replay::ReplaySettings, Vec<(String, Start)>), BuildError> {
        let backend = self.backend.ok_or(BuildError::NoSource)?;
        let settings = replay::ReplaySettings {
            backend,
            dead_letters: dead_letter_topic(&self.topic),
            topic: self.topic,
            group: self.group,
            limits: self.limits,
        };
        Ok((settings, self.sinks))
    }

    /// Checks everything that can be checked without reaching the topic. On the embedded log, each
    /// sink locks its group against other processes. Blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the remedy.
    pub fn build(self) -> Result<Consumer, BuildError> {
        let backend = self.backend.ok_or(BuildError::NoSource)?;
        check_names(self.sinks.iter().map(|(name, _)| &**name))?;
        #[cfg(all(feature = "kafka", feature = "embedded"))]
        if let (Backend::Log(_), Some(option)) = (&backend, self.membership.given()) {
            return Err(BuildError::OnlyKafka { option });
        }
        let reading = Reading {
            topic: self.topic,
            partitions: self.partitions,
            replication_factor: self.replication_factor,
            start_from: self.start_from,
            limits: self.limits,
            #[cfg(feature = "kafka")]
            membership: self.membership,
        };
        let mut monitors = Vec::new();
        let mut pipelines = Vec::new();
        for (name, start) in self.sinks {
            let group = format!("{}.{name}", self.group);
            let feed = Feed::new(&backend, &reading, &group, &name)?;
            let monitor = Monitor::new(&Arc::from(name), group);
            monitors.push(monitor.shared());
            pipelines.push((monitor, feed, start));
        }
        Ok(Consumer::new(pipelines, ConsumerStatus::new(monitors)))
    }

    /// [Builds](Self::build) the consumer and [runs](Consumer::run) it.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`RunError`]: it could not be built, or no sink is running any more and one has failed.
    ///
    /// ```
    /// # #[cfg(feature = "embedded")]
    /// # mod example {
    /// use tokio_util::sync::CancellationToken;
    /// use user_metadata_consumer::{Consumer, RunError, Sink};
    ///
    /// async fn consume(sink: impl Sink, stop: CancellationToken) -> Result<(), RunError> {
    ///     let summary = Consumer::builder().log("./data").sink("own", sink).run(stop).await?;
    ///     println!("{} events", summary.sinks[0].written);
    ///     Ok(())
    /// }
    /// # }
    /// ```
    pub async fn run(self, stop: CancellationToken) -> Result<Summary, RunError> {
        self.build()?.run(stop).await
    }
}

fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), BuildError> {
    let mut seen = BTreeSet::new();
    for name in names {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let name_owned = || name.to_owned();
        if name.is_empty() || !name.chars().all(allowed) {
            return Err(BuildError::SinkName { name: name_owned() });
        }
        if !seen.insert(name) {
            return Err(BuildError::DuplicateSink { name: name_owned() });
        }
    }
    if seen.is_empty() {
        return Err(BuildError::NoSink);
    }
    Ok(())
}

impl fmt::Debug for ConsumerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sinks: Vec<&String> = self.sinks.iter().map(|(name, _)| name).collect();
        f.debug_struct("ConsumerBuilder")
            .field("backend", &self.backend)
            .field("topic", &self.topic)
            .field("group", &self.group)
            .field("start_from", &self.start_from)
            .field("limits", &self.limits)
            .field("sinks", &sinks)
            .finish_non_exhaustive()
    }
}
