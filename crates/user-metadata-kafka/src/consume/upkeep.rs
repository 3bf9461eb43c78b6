//! What krafka leaves to its user: noticing an outage, and noticing changes of the topic.

use std::time::Duration;

use krafka::error::KrafkaError;
use krafka::{CloseOptions, GroupMembershipOperation};
use tokio::time::Instant;

use super::classify::{classify, deadline};
use super::end_offsets::EndOffset;
use super::member::Member;
use super::offsets::{LATEST, TopicOffsets};
use super::{ConsumeError, GroupProtocol};

/// How often the brokers are asked for the end offsets. krafka does not report failed fetches, so
/// this is also how the start and the end of an outage are noticed.
const CHECK_EVERY: Duration = Duration::from_secs(5);
pub(super) const CHECK_EVERY_IN_OUTAGE: Duration = Duration::from_secs(1);

/// The topic as the cluster lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    /// Changes when the topic is deleted and recreated.
    id: [u8; 16],
    partitions: u32,
}

impl Member {
    /// Does what is due. Returns whether Kafka has responded.
    pub(super) async fn maintain(&mut self) -> Result<bool, ConsumeError> {
        if self.subscribed.is_none() {
            self.subscribe().await?;
        }
        if self.list_at <= Instant::now() {
            self.check_topic().await?;
        }
        let due = self.check_at <= Instant::now();
        if due {
            self.check_at = Instant::now() + CHECK_EVERY_IN_OUTAGE;
            self.fetch_end_offsets().await?;
            self.check_at = Instant::now() + CHECK_EVERY;
        }
        Ok(due)
    }

    async fn subscribe(&mut self) -> Result<(), ConsumeError> {
        // A group that is joined before the topic exists gets no partitions, and keeps none.
        let listed = self.list().await?;
        let subscribe = self.consumer.subscribe([self.options.topic()]);
        deadline(self.request_timeout, subscribe).await?;
        self.subscribed = Some(listed);
        self.first_count.get_or_insert(listed.partitions);
        self.list_at = Instant::now() + self.list_every;
        Ok(())
    }

    async fn check_topic(&mut self) -> Result<(), ConsumeError> {
        let listed = self.list().await?;
        if let Some(known) = self.subscribed
            && known.id != listed.id
        {
            self.restart_at_oldest(listed.partitions).await?;
            self.subscribed = Some(Listed {
                id: listed.id,
                ..known
            });
        }
        self.list_at = Instant::now() + self.list_every;
        if self.subscribed == Some(listed) {
            return Ok(());
        }
        match self.options.protocol() {
            GroupProtocol::Classic => Err(self.leave_to_rejoin(listed.partitions).await),
            // The broker assigns new partitions by itself.
            GroupProtocol::Consumer => {
                self.subscribed = Some(listed);
                Ok(())
            }
        }
    }

    /// The group's leader assigns the partitions that exist when somebody joins; partitions added
    /// later would have no reader.
    async fn leave_to_rejoin(&self, partitions: u32) -> ConsumeError {
        let (topic, group) = (self.options.topic(), self.options.group());
        tracing::info!(topic, group, partitions, "new partitions: rejoining");
        // The caller hands over all partitions within it.
        let limit = self.request_timeout + self.options.handover_timeout();
        // A member that merely comes back under its instance id triggers no rebalance.
        let leave = CloseOptions::new()
            .timeout(limit)
            .group_membership_operation(GroupMembershipOperation::LeaveGroup);
        // Whatever the result, this consumer is of no further use.
        if let Err(error) = deadline(limit, self.consumer.close_with(leave)).await {
            tracing::debug!(%error, "the group will notice after the session timeout");
        }
        ConsumeError::Ended
    }

    /// Somebody has deleted and recreated the topic. krafka would continue at the old offset and
    /// skip what the new topic has before it.
    async fn restart_at_oldest(&self, partitions: u32) -> Result<(), ConsumeError> {
        for partition in self.assignment().await {
            let is_there = u32::try_from(partition).is_ok_and(|number| number < partitions);
            let position = self.offsets().position(partition).await;
            if let Some(position) = position.filter(|_| is_there) {
                self.reset_to_oldest(partition, position).await?;
            }
        }
        Ok(())
    }

    async fn list(&self) -> Result<Listed, ConsumeError> {
        let topic = self.options.topic();
        let metadata = self.consumer.fetch_metadata(Some(topic));
        let metadata = deadline(self.request_timeout, metadata).await?;
        let listed = metadata.topics.first().map(|listed| Listed {
            id: listed.topic_id,
            partitions: u32::try_from(listed.partition_count()).unwrap_or_default(),
        });
        listed
            .filter(|listed| listed.partitions > 0)
            .ok_or_else(|| classify(KrafkaError::unknown_topic(topic)))
    }

    /// Asks for the end offsets of all partitions, even if one has no leader.
    async fn fetch_end_offsets(&self) -> Result<(), ConsumeError> {
        let mut partitions = self.assignment().await;
        if partitions.is_empty() {
            // It belongs to another member, but its leader can tell whether Kafka is up.
            partitions.push(0);
        }
        let mut checked = Ok(());
        for (partition, end) in self.offsets().each_at(&partitions, LATEST).await? {
            let position = self.offsets().position(partition).await;
            let position = position.and_then(|position| u64::try_from(position).ok());
            match (end, position) {
                (Err(error), _) => checked = Err(error),
                (Ok(end), Some(position)) => {
                    if let (Ok(partition), Ok(end)) = (u32::try_from(partition), u64::try_from(end))
                    {
                        let batches = self.queue.batches();
                        let end_offset = EndOffset {
                            position,
                            end,
                            batches,
                        };
                        self.end_offsets.set(partition, end_offset);
                    }
                }
                (Ok(_), None) => {}
            }
        }
        checked
    }

    pub(super) fn offsets(&self) -> TopicOffsets<'_> {
        TopicOffsets {
            consumer: &self.consumer,
            topic: self.options.topic(),
            request_timeout: self.request_timeout,
        }
    }

    pub(super) async fn forget_back_offs(&self) {
        let partitions = self.assignment().await;
        let without = self.offsets().forget_back_offs(&partitions).await;
        if let Err(error) = self.set_positions(&without).await {
            tracing::debug!(%error, "krafka will find the positions itself");
        }
    }
}
