use std::num::{NonZeroU16, NonZeroU32};

use super::{BuildError, StartFrom};
use crate::pipeline::BatchLimits;

#[cfg(feature = "embedded")]
use crate::embedded::LogSource;
#[cfg(feature = "kafka")]
use crate::kafka::KafkaFeed;
#[cfg(feature = "kafka")]
use crate::replay::KafkaReplay;
#[cfg(feature = "embedded")]
use crate::replay::LogReplay;

/// Where the topic is stored.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    #[cfg(feature = "kafka")]
    Kafka(user_metadata_kafka::KafkaOptions),
    #[cfg(feature = "embedded")]
    Log(user_metadata_log::DataDir),
}

/// What all sinks read, and how.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) topic: String,
    #[cfg_attr(
        not(feature = "kafka"),
        expect(dead_code, reason = "a log has its own")
    )]
    pub(crate) partitions: NonZeroU32,
    #[cfg_attr(
        not(feature = "kafka"),
        expect(dead_code, reason = "a log has one copy")
    )]
    pub(crate) replication_factor: NonZeroU16,
    pub(crate) start_from: StartFrom,
    pub(crate) limits: BatchLimits,
    #[cfg(feature = "kafka")]
    pub(crate) membership: Membership,
}

/// The group membership of the sinks; an option that is not given is left to the client.
#[cfg(feature = "kafka")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Membership {
    pub(crate) protocol: Option<user_metadata_kafka::GroupProtocol>,
    pub(crate) instance_id: Option<String>,
    pub(crate) session_timeout: Option<std::time::Duration>,
}

#[cfg(feature = "kafka")]
impl Membership {
    /// The first option that was given.
    #[cfg(feature = "embedded")]
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            ("group_instance_id", self.instance_id.is_some()),
            ("group_protocol", self.protocol.is_some()),
            ("session_timeout", self.session_timeout.is_some()),
        ]
        .into_iter()
        .find_map(|(option, is_given)| is_given.then_some(option))
    }
}

impl Reading {
    #[cfg(feature = "kafka")]
    pub(crate) fn dead_letter_topic(&self) -> String {
        dead_letter_topic(&self.topic)
    }
}

/// The name of the dead-letter topic.
pub(super) fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}-dlq")
}

/// What one sink reads from.
pub(crate) struct Feed {
    pub(super) topic: String,
    pub(super) limits: BatchLimits,
    pub(super) kind: FeedKind,
}

pub(super) enum FeedKind {
    #[cfg(feature = "kafka")]
    Kafka(Box<KafkaFeed>),
    #[cfg(feature = "embedded")]
    Log(LogSource),
    #[cfg(feature = "kafka")]
    KafkaReplay(Box<KafkaReplay>),
    #[cfg(feature = "embedded")]
    LogReplay(Box<LogReplay>),
}

impl Feed {
    #[cfg(feature = "kafka")]
    pub(crate) fn kafka_replay(topic: String, limits: BatchLimits, replay: KafkaReplay) -> Self {
        let kind = FeedKind::KafkaReplay(Box::new(replay));
        Self {
            topic,
            limits,
            kind,
        }
    }

    #[cfg(feature = "embedded")]
    pub(crate) fn log_replay(topic: String, limits: BatchLimits, replay: LogReplay) -> Self {
        let kind = FeedKind::LogReplay(Box::new(replay));
        Self {
            topic,
            limits,
            kind,
        }
    }

    pub(super) fn new(
        backend: &Backend,
        reading: &Reading,
        group: &str,
        #[cfg_attr(
            not(feature = "kafka"),
            expect(unused_variables, reason = "a log knows the group alone")
        )]
        sink: &str,
    ) -> Result<Self, BuildError> {
        let kind = match backend {
            #[cfg(feature = "kafka")]
            Backend::Kafka(options) => {
                FeedKind::Kafka(Box::new(KafkaFeed::new(options, reading, group, sink)?))
            }
            #[cfg(feature = "embedded")]
            Backend::Log(dir) => FeedKind::Log(LogSource::open(dir, reading, group)?),
        };
        Ok(Self {
            topic: reading.topic.clone(),
            limits: reading.limits,
            kind,
        })
    }
}
