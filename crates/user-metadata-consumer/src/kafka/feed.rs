use tokio_util::sync::CancellationToken;
use tracing::warn;
use user_metadata_kafka::{
    ConnectError, ConsumeError, ConsumeStart, GroupConsumer, GroupOptions, KafkaOptions,
    OptionsError, TopicSpec, ensure_topic,
};

use super::source::KafkaSource;
use crate::consumer::{Reading, StartFrom};
use crate::pipeline::{End, Monitor, Trouble, delay, in_words};

/// How one sink reads a topic of a Kafka cluster.
pub(crate) struct KafkaFeed {
    options: KafkaOptions,
    topic: TopicSpec,
    /// The dead-letter topic if it is created; it gets the number of partitions of the topic.
    dead_letters: TopicSpec,
    group: GroupOptions,
}

/// Why the group could not be joined.
#[derive(Debug, thiserror::Error)]
enum JoinError {
    #[error(transparent)]
    Topic(#[from] ConnectError),
    #[error(transparent)]
    Group(#[from] ConsumeError),
    #[error(transparent)]
    Options(#[from] OptionsError),
}

impl JoinError {
    fn is_retriable(&self) -> bool {
        match self {
            Self::Topic(error) => error.is_retriable(),
            Self::Group(error) => error.is_retriable(),
            Self::Options(_) => false,
        }
    }
}

impl KafkaFeed {
    pub(crate) fn new(
        options: &KafkaOptions,
        reading: &Reading,
        group: &str,
        sink: &str,
    ) -> Result<Self, OptionsError> {
        let spec =
            |name: String| TopicSpec::new(name, reading.partitions, reading.replication_factor);
        let start = match reading.start_from {
            StartFrom::Earliest => ConsumeStart::Earliest,
            StartFrom::Latest => ConsumeStart::Latest,
            StartFrom::At(time) => ConsumeStart::At(time.as_i64()),
        };
        let max_batch = u32::try_from(reading.limits.max_events.get()).unwrap_or(u32::MAX);
        let mut group = GroupOptions::new(&reading.topic, group)?
            .with_start(start)
            .with_max_batch(max_batch);
        let membership = &reading.membership;
        if let Some(protocol) = membership.protocol {
            group = group.with_protocol(protocol);
        }
        if let Some(timeout) = membership.session_timeout {
            group = group.with_session_timeout(timeout);
        }
        if let Some(id) = &membership.instance_id {
            group = group.with_instance_id(format!("{id}.{sink}"))?;
        }
        Ok(Self {
            options: options.clone(),
            topic: spec(reading.topic.clone())?,
            dead_letters: spec(reading.dead_letter_topic())?,
            group,
        })
    }

    /// Creates the topic if it does not exist and joins the group, for as long as it takes.
    pub(crate) async fn join(
        self,
        monitor: &Monitor,
        stop: &CancellationToken,
    ) -> Result<KafkaSource, End> {
        let mut failures = 0;
        loop {
            let Some(joined) = stop.run_until_cancelled(self.try_join()).await else {
                return Err(End::Stopped);
            };
            match joined {
                Ok(source) => {
                    monitor.end(Trouble::Connection);
                    return Ok(source);
                }
                Err(error) if error.is_retriable() => {
                    failures += 1;
                    monitor.begin(Trouble::Connection, &in_words(&error));
                    let wait = tokio::time::sleep(delay(failures, None));
                    if stop.run_until_cancelled(wait).await.is_none() {
                        return Err(End::Stopped);
                    }
                }
                Err(error) => return Err(End::Failed(error.into())),
            }
        }
    }

    async fn try_join(&self) -> Result<KafkaSource, JoinError> {
        let found = ensure_topic(&self.options, &self.topic).await?;
        if found.differs() {
            warn!(
                topic = self.topic.name(),
                partitions = found.partitions,
                requested = found.requested,
                "the topic has a different number of partitions than requested; it is left as it is",
            );
        }
        let dead_letters = TopicSpec::new(
            self.dead_letters.name(),
            found.partitions,
            self.dead_letters.replication_factor(),
        )?;
        let consumer = GroupConsumer::join(&self.options, self.group.clone()).await?;
        Ok(KafkaSource::new(
            consumer,
            self.options.clone(),
            dead_letters,
        ))
    }
}
