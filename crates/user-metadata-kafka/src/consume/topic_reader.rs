//! Reading the current contents of a topic without being a member of a group.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use krafka::consumer::{AutoOffsetReset, Consumer};
use krafka::error::KrafkaError;

use super::admin::TopicAdmin;
use super::classify::{classify, classify_poll, deadline};
use super::fetch::in_batches_of;
use super::login::log_in;
use super::member::to_group_record;
use super::offsets::{EARLIEST, LATEST, TopicOffsets};
use super::{ConsumeError, GroupRecord};
use crate::KafkaOptions;
use crate::topic::checked_topic;

/// How long one poll may wait for records.
const POLL: Duration = Duration::from_secs(1);

/// How long Kafka may take to respond when no records arrive.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a topic from any offset, without a group.
pub struct TopicReader {
    consumer: Consumer,
    admin: TopicAdmin,
    topic: String,
    request_timeout: Duration,
    partitions: Vec<i32>,
    /// Kafka has not responded.
    in_trouble: AtomicBool,
}

/// What a partition contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionBounds {
    /// The partition.
    pub partition: u32,
    /// The offset of the oldest available record; equal to `end` if there is none.
    pub start: u64,
    /// The offset that the next record will get.
    pub end: u64,
}

impl TopicReader {
    /// Connects. Nothing is read before [`start_at`](Self::start_at).
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the connect timeout.
    pub async fn connect(
        kafka: &KafkaOptions,
        topic: &str,
        max_batch: u32,
    ) -> Result<Self, ConsumeError> {
        let topic = checked_topic(topic.to_owned());
        let topic = topic.map_err(|error| ConsumeError::Refused(error.into()))?;
        let client = log_in(kafka).await?;
        let consumer = in_batches_of(max_batch, client.consumer_without_group())
            // `next` handles an offset that is no longer available.
            .auto_offset_reset(AutoOffsetReset::None)
            .idle_poll_backoff(Duration::from_millis(100))
            .metrics_push(false)
            .build()
            .await
            .map_err(classify)?;
        Ok(Self {
            consumer,
            admin: TopicAdmin::new(client.admin(), kafka.request_timeout()),
            topic,
            request_timeout: kafka.request_timeout(),
            partitions: Vec::new(),
            in_trouble: AtomicBool::new(false),
        })
    }

    /// Looks up topics and groups over the same connections.
    #[must_use]
    pub const fn admin(&self) -> &TopicAdmin {
        &self.admin
    }

    /// What each partition contains now, sorted; `None` if the topic does not exist. Asking does
    /// not create it.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within two request timeouts for each request.
    pub async fn bounds(&mut self) -> Result<Option<Vec<PartitionBounds>>, ConsumeError> {
        let Some(count) = self.admin.partitions(&self.topic).await? else {
            return Ok(None);
        };
        self.partitions = (0..i32::try_from(count).unwrap_or(i32::MAX)).collect();
        let starts = self.offsets_of(EARLIEST).await?;
        let ends = self.offsets_of(LATEST).await?;
        let bounds = starts.into_iter().map(|(partition, start)| {
            let end = ends.get(&partition).copied().unwrap_or(start);
            PartitionBounds {
                partition,
                start,
                end,
            }
        });
        Ok(Some(bounds.collect()))
    }

    /// Per partition that [`bounds`](Self::bounds) has found, the offset of the first record of
    /// `time` (ms since the Unix epoch) or later; partitions without such a record are left out.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the request timeout.
    pub async fn offsets_at(&self, time: i64) -> Result<BTreeMap<u32, u64>, ConsumeError> {
        self.offsets_of(time.max(0)).await
    }

    /// [`TopicOffsets::at`], without the partitions that have no such record.
    async fn offsets_of(&self, time: i64) -> Result<BTreeMap<u32, u64>, ConsumeError> {
        let found = self.offsets().at(&self.partitions, time).await?;
        let found = found.into_iter().filter_map(|(partition, offset)| {
            Some((partition.try_into().ok()?, offset.try_into().ok()?))
        });
        Ok(found.collect())
    }

    fn offsets(&self) -> TopicOffsets<'_> {
        TopicOffsets {
            consumer: &self.consumer,
            topic: &self.topic,
            request_timeout: self.request_timeout,
        }
    }

    /// Reads these partitions, starting at these offsets.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the request timeout.
    pub async fn start_at(&mut self, offsets: &[(u32, u64)]) -> Result<(), ConsumeError> {
        let offsets = offsets.iter().filter_map(|(partition, offset)| {
            Some((
                i32::try_from(*partition).ok()?,
                i64::try_from(*offset).ok()?,
            ))
        });
        let offsets: Vec<(i32, i64)> = offsets.collect();
        self.partitions = offsets.iter().map(|(partition, _)| *partition).collect();
        let assign = self.consumer.assign(&self.topic, self.partitions.clone());
        deadline(self.request_timeout, assign).await?;
        for (partition, offset) in offsets {
            self.offsets().seek(partition, offset).await?;
        }
        Ok(())
    }

    /// Waits up to a second for the next records, in the order of their offsets within a partition.
    /// Empty if nothing has arrived although Kafka responds.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`]; if it is [retriable](ConsumeError::is_retriable), call `next` again.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped call loses no record.
    pub async fn next(&self) -> Result<Vec<GroupRecord>, ConsumeError> {
        // While its broker is down, a poll takes longer than its timeout; it may be dropped.
        let polled = tokio::time::timeout(2 * POLL, self.consumer.poll(POLL)).await;
        let records = match polled.unwrap_or_else(|_| Ok(Vec::new())) {
            Ok(records) => records,
            Err(KrafkaError::NoOffset { partitions }) => {
                for (_, partition) in partitions {
                    self.start_at_the_oldest(partition).await?;
                }
                Vec::new()
            }
            Err(error) => return Err(classify_poll(error)),
        };
        if records.is_empty() {
            // krafka does not report failed fetches.
            let limit = CHECK_TIMEOUT.min(self.request_timeout);
            let answer = tokio::time::timeout(limit, self.offsets_of(LATEST)).await;
            let answer = answer.unwrap_or(Err(ConsumeError::Timeout(limit)));
            self.in_trouble.fetch_or(answer.is_err(), Ordering::Relaxed);
            answer?;
            if self.in_trouble.swap(false, Ordering::Relaxed) {
                drop(self.offsets().forget_back_offs(&self.partitions).await);
            }
        }
        Ok(records.into_iter().filter_map(to_group_record).collect())
    }

    /// Retention has passed the offset in the meantime.
    async fn start_at_the_oldest(&self, partition: i32) -> Result<(), ConsumeError> {
        let Some((_, offset)) = self.offsets().at(&[partition], EARLIEST).await?.pop() else {
            return Ok(());
        };
        tracing::warn!(
            topic = self.topic,
            partition,
            offset,
            "the offset is no longer available; reading continues at the oldest record"
        );
        self.offsets().seek(partition, offset).await
    }

    /// Per partition, the offset after what [`next`](Self::next) has returned; past anything that
    /// is not a record, such as the end of a transaction.
    pub async fn positions(&self) -> Vec<(u32, u64)> {
        let mut positions = Vec::with_capacity(self.partitions.len());
        for partition in &self.partitions {
            if let Some(position) = self.offsets().position(*partition).await
                && let (Ok(partition), Ok(position)) =
                    (u32::try_from(*partition), u64::try_from(position))
            {
                positions.push((partition, position));
            }
        }
        positions
    }

    /// Closes the reader. One that is dropped does the same in the background.
    pub async fn close(self) {
        let closed = tokio::time::timeout(POLL, self.consumer.close()).await;
        if let Ok(Err(error)) = closed {
            tracing::debug!(%error, "the reader was not closed");
        }
    }
}

impl fmt::Debug for TopicReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicReader")
            .field("topic", &self.topic)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
