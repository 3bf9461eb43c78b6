//! Looks up topics and group positions without reading records.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use krafka::admin::{
    AdminClient, AlterConsumerGroupOffsetsOptions, CreateTopicsOptions, DescribeTopicsOptions,
    ListConsumerGroupOffsetsOptions, ListTopicsOptions, NewTopic, TopicPartition,
};

use super::ConsumeError;
use super::classify::{classify, deadline};
use super::login::log_in;
use crate::{KafkaOptions, TopicSpec};

/// Looks up topics and the committed positions of groups. It can also set the positions of a group
/// that has no members; while a group has members, Kafka refuses that.
pub struct TopicAdmin {
    client: AdminClient,
    request_timeout: Duration,
}

impl TopicAdmin {
    pub(super) const fn new(client: AdminClient, request_timeout: Duration) -> Self {
        Self {
            client,
            request_timeout,
        }
    }

    /// Connects.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the connect timeout.
    pub async fn connect(kafka: &KafkaOptions) -> Result<Self, ConsumeError> {
        let client = log_in(kafka).await?.admin();
        Ok(Self::new(client, kafka.request_timeout()))
    }

    /// All topics are listed first, because some brokers create a topic when asked about it by
    /// name.
    pub(super) async fn partitions(&self, topic: &str) -> Result<Option<u32>, ConsumeError> {
        let list = self.client.list_topics(ListTopicsOptions::default());
        let topics = deadline(self.request_timeout, list).await?;
        if !topics.iter().any(|name| name == topic) {
            return Ok(None);
        }
        let options = DescribeTopicsOptions::default();
        let describe = self.client.describe_topics([topic], options);
        let mut found = deadline(self.request_timeout, describe).await?;
        let described = found.remove(topic).transpose().map_err(classify)?;
        Ok(described.and_then(|topic| u32::try_from(topic.partitions.len()).ok()))
    }

    /// The number of partitions of a topic; `None` if it does not exist but could be created.
    /// Asking does not create it.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the request timeout for each of three requests;
    /// [`Refused`](ConsumeError::Refused) if the topic could not be created.
    pub async fn find(&self, topic: &TopicSpec) -> Result<Option<u32>, ConsumeError> {
        let found = self.partitions(topic.name()).await?;
        if found.is_some() {
            return Ok(found);
        }
        let partitions = i32::try_from(topic.partitions().get()).unwrap_or(i32::MAX);
        let copies = i16::try_from(topic.replication_factor().get()).unwrap_or(i16::MAX);
        let topic = NewTopic::new(topic.name(), partitions, copies).map_err(classify)?;
        let options = CreateTopicsOptions::default().validate_only(true);
        let answers = self.client.create_topics([topic], options);
        let answers = deadline(self.request_timeout, answers).await?;
        for answer in answers.into_values() {
            answer.map_err(|error| ConsumeError::Refused(error.into()))?;
        }
        Ok(None)
    }

    /// The positions that `group` has committed in `topic`.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the request timeout.
    pub async fn committed(
        &self,
        group: &str,
        topic: &str,
    ) -> Result<BTreeMap<u32, u64>, ConsumeError> {
        let options = ListConsumerGroupOffsetsOptions::default();
        let asked = self.client.list_consumer_group_offsets(group, options);
        let found = deadline(self.request_timeout, asked).await?;
        let mut positions = BTreeMap::new();
        for (of, position) in found {
            let position = position.map_err(classify)?.offset;
            if let (Ok(partition), Some(Ok(offset))) =
                (u32::try_from(of.partition), position.map(u64::try_from))
                && of.topic == topic
            {
                positions.insert(partition, offset);
            }
        }
        Ok(positions)
    }

    /// Sets the positions of `group` in `topic`: per partition, the offset after the last processed
    /// record.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the request timeout; [`Refused`](ConsumeError::Refused) while the
    /// group has members.
    pub async fn commit(
        &self,
        group: &str,
        topic: &str,
        positions: &[(u32, u64)],
    ) -> Result<(), ConsumeError> {
        let positions = positions.iter().filter_map(|(partition, offset)| {
            let partition = i32::try_from(*partition).ok()?;
            let offset = i64::try_from(*offset).ok()?;
            Some((TopicPartition::new(topic.to_owned(), partition), offset))
        });
        let options = AlterConsumerGroupOffsetsOptions::default();
        let set = self
            .client
            .alter_consumer_group_offsets(group, positions, options);
        let set = deadline(self.request_timeout, set).await?;
        set.into_values()
            .try_for_each(|answer| answer.map_err(classify))
    }
}

impl fmt::Debug for TopicAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicAdmin").finish_non_exhaustive()
    }
}
