//! The task that keeps the membership alive, whatever the caller does.

use std::sync::Arc;
use std::time::Duration;

use krafka::CloseOptions;
use krafka::consumer::{Consumer, ConsumerRecord};
use krafka::error::KrafkaError;
use tokio::time::Instant;

use super::classify::{classify, classify_poll};
use super::commits::{Commits, Committer};
use super::consumer::REBALANCE;
use super::end_offsets::EndOffsets;
use super::event_queue::{EventQueue, Message};
use super::incident::Incident;
use super::upkeep::{CHECK_EVERY_IN_OUTAGE, Listed};
use super::{ConsumeError, GroupEvent, GroupOptions, GroupRecord};
use crate::error::in_words;
use crate::{KafkaOptions, KafkaRecord};

/// How long one poll may wait for records.
const POLL: Duration = Duration::from_secs(1);

/// How long leaving the group may take.
pub(super) const CLOSE: Duration = Duration::from_secs(5);

pub(super) struct Member {
    pub(super) consumer: Arc<Consumer>,
    pub(super) kafka: KafkaOptions,
    pub(super) options: GroupOptions,
    pub(super) commits: Commits,
    pub(super) request_timeout: Duration,
    /// How often the topic is listed. krafka's own list may be as old again.
    pub(super) list_every: Duration,
    pub(super) queue: Arc<EventQueue>,
    pub(super) end_offsets: EndOffsets,
    pub(super) incident: Incident,
    /// The topic as of the last subscription; `None` while not subscribed.
    pub(super) subscribed: Option<Listed>,
    /// The number of partitions at the first subscription.
    pub(super) first_count: Option<u32>,
    pub(super) check_at: Instant,
    pub(super) list_at: Instant,
    pub(super) paused: bool,
    /// A response from a broker is not enough: the group has to accept this member.
    pub(super) awaits_group: bool,
}

impl Member {
    pub(super) fn new(
        kafka: &KafkaOptions,
        options: GroupOptions,
        consumer: Consumer,
        queue: Arc<EventQueue>,
        commits: Commits,
    ) -> Self {
        Self {
            consumer: Arc::new(consumer),
            kafka: kafka.clone(),
            commits,
            options,
            request_timeout: kafka.request_timeout(),
            list_every: kafka.metadata_max_age(),
            queue,
            end_offsets: EndOffsets::default(),
            incident: Incident::default(),
            subscribed: None,
            first_count: None,
            check_at: Instant::now(),
            list_at: Instant::now(),
            paused: false,
            awaits_group: false,
        }
    }

    /// Runs until the caller is gone, commits what is pending, and leaves the group.
    pub(super) async fn run(mut self) -> Result<(), ConsumeError> {
        let ended = loop {
            self = match self.serve().await {
                Err(ConsumeError::Untrusted(refusal)) => self.log_in_again(refusal).await?,
                Err(error @ (ConsumeError::InstanceInUse | ConsumeError::Unavailable(_))) => {
                    self.reconnect_as_new_member(error).await?
                }
                // It has left the group in order to rejoin.
                Err(error @ ConsumeError::Ended) => self.reconnect(error).await?,
                ended => break ended,
            };
        };
        let options = CloseOptions::new()
            .timeout(CLOSE)
            .group_membership_operation(self.options.end_of_membership());
        let left = self.consumer.close_with(options).await;
        ended.and(left.map_err(classify))
    }

    /// Reads and commits until the caller is gone, or the consumer has to be replaced.
    async fn serve(&mut self) -> Result<(), ConsumeError> {
        let committer = Committer {
            consumer: Arc::clone(&self.consumer),
            topic: self.options.topic().to_owned(),
            request_timeout: self.request_timeout,
            rebalance_timeout: REBALANCE + self.options.handover_timeout(),
            commits: self.commits.clone(),
        };
        let error = tokio::select! {
            ended = self.read() => return ended,
            error = committer.run() => error,
        };
        if let Some(refusal) = self.kafka.refusal(&error) {
            return Err(ConsumeError::Untrusted(refusal));
        }
        if error.is_retriable() || error.needs_a_new_member() {
            return Err(error);
        }
        self.queue.fail(error).await;
        Ok(())
    }

    async fn read(&mut self) -> Result<(), ConsumeError> {
        while !self.queue.is_closed() {
            match self.step().await {
                Ok(true) => self.answered().await,
                Ok(false) => {}
                Err(error) => match self.kafka.refusal(&error) {
                    Some(refusal) => return Err(ConsumeError::Untrusted(refusal)),
                    None if error.needs_a_new_member() => return Err(error),
                    None if error.is_retriable() => self.failed(&error).await,
                    None => self.queue.fail(error).await,
                },
            }
        }
        tokio::time::timeout(self.request_timeout, self.commits.settled())
            .await
            .map_err(|_| ConsumeError::Timeout(self.request_timeout))
    }

    /// Returns whether all brokers that were asked have responded.
    async fn step(&mut self) -> Result<bool, ConsumeError> {
        let checked = self.maintain().await;
        if self.subscribed.is_none() {
            return checked;
        }
        self.pause_or_resume().await;
        let has_read = self.poll_records().await?;
        match checked {
            // One of several brokers is down: reading from the others must not wait for it.
            Err(error) if has_read && error.is_retriable() => {
                self.begin_incident(&error);
                Ok(false)
            }
            checked => checked,
        }
    }

    /// Returns whether anything happened.
    async fn poll_records(&self) -> Result<bool, ConsumeError> {
        match self.poll().await {
            Ok(records) if records.is_empty() => Ok(false),
            Ok(records) => {
                let records = records.into_iter().filter_map(to_group_record).collect();
                self.event(GroupEvent::Records(records));
                Ok(true)
            }
            Err(KrafkaError::Wakeup) => Ok(false),
            Err(KrafkaError::NoOffset { partitions }) => {
                let partitions: Vec<i32> = partitions.into_iter().map(|(_, it)| it).collect();
                self.set_positions(&partitions).await?;
                Ok(true)
            }
            Err(error) => Err(classify_poll(error)),
        }
    }

    /// Polls krafka, which also handles rebalances. A poll is woken up, never dropped, because it
    /// may be in the middle of one.
    async fn poll(&self) -> Result<Vec<ConsumerRecord>, KrafkaError> {
        let poll = self.consumer.poll(POLL);
        tokio::pin!(poll);
        tokio::select! {
            polled = &mut poll => return polled,
            () = self.queue.drain(), if self.queue.is_full() => {}
            () = self.queue.closed() => {}
        }
        self.consumer.wakeup();
        poll.await
    }

    /// Fetches nothing while messages wait for the caller.
    async fn pause_or_resume(&mut self) {
        let full = self.queue.is_full();
        if !full && !self.paused {
            return;
        }
        let topic = self.options.topic();
        let partitions = self.assignment().await;
        if full {
            self.consumer.pause(topic, &partitions).await;
        } else {
            self.consumer.resume(topic, &partitions).await;
        }
        self.paused = full;
    }

    async fn has_joined(&self) -> bool {
        let member = self.consumer.group_metadata().await;
        member.is_some_and(|member| member.generation_id() > 0)
    }

    pub(super) async fn assignment(&self) -> Vec<i32> {
        let mut topics = self.consumer.assignment().await;
        topics.remove(self.options.topic()).unwrap_or_default()
    }

    pub(super) fn event(&self, event: GroupEvent) {
        self.queue.push(Message::Event(event));
    }

    async fn failed(&mut self, error: &ConsumeError) {
        self.begin_incident(error);
        let wait = self.incident.failed();
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.queue.closed() => {}
        }
    }

    pub(super) fn begin_incident(&mut self, error: &ConsumeError) {
        // The next check notices its end.
        self.check_at = self.check_at.min(Instant::now() + CHECK_EVERY_IN_OUTAGE);
        if self.incident.begin() {
            self.report_outage(error);
        }
    }

    pub(super) fn report_outage(&self, error: &ConsumeError) {
        let reason = in_words(error);
        let group = self.options.group();
        tracing::warn!(group, reason, "can't read from Kafka");
        self.event(GroupEvent::Unavailable { reason });
    }

    async fn answered(&mut self) {
        if self.awaits_group && !self.has_joined().await {
            return;
        }
        self.awaits_group = false;
        if self.incident.end() {
            tracing::info!(group = self.options.group(), "reading from Kafka again");
            self.event(GroupEvent::Recovered);
            self.forget_back_offs().await;
        }
    }
}

/// `None` for numbers that Kafka never sends.
pub(super) fn to_group_record(record: ConsumerRecord) -> Option<GroupRecord> {
    Some(GroupRecord {
        partition: u32::try_from(record.partition).ok()?,
        offset: u64::try_from(record.offset).ok()?,
        record: KafkaRecord {
            key: record.key,
            value: record.value,
            headers: record
                .headers
                .into_iter()
                .map(|(name, value)| (name, value.unwrap_or_default()))
                .collect(),
            timestamp_ms: record.timestamp,
        },
    })
}
