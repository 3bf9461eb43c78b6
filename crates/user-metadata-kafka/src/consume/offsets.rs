//! Where the partitions of a topic begin and end, and krafka's position in them.

use std::time::Duration;

use krafka::consumer::Consumer;

use super::ConsumeError;
use super::classify::{classify, deadline};

/// The timestamp that stands for the start of a partition in a request for offsets.
pub(super) const EARLIEST: i64 = -2;

/// The timestamp that stands for the end of a partition in a request for offsets.
pub(super) const LATEST: i64 = -1;

/// The offsets of one topic, as a krafka consumer sees them.
pub(super) struct TopicOffsets<'a> {
    pub(super) consumer: &'a Consumer,
    pub(super) topic: &'a str,
    pub(super) request_timeout: Duration,
}

impl TopicOffsets<'_> {
    /// Per partition, the offset of the first record at `time` (ms) or later, -1 if there is none;
    /// [`EARLIEST`] and [`LATEST`] stand for the start and the end of the partition.
    pub(super) async fn at(
        &self,
        partitions: &[i32],
        time: i64,
    ) -> Result<Vec<(i32, i64)>, ConsumeError> {
        let answers = self.each_at(partitions, time).await?;
        answers
            .into_iter()
            .map(|(partition, offset)| Ok((partition, offset?)))
            .collect()
    }

    /// The same with one result per partition, since some may have no leader.
    pub(super) async fn each_at(
        &self,
        partitions: &[i32],
        time: i64,
    ) -> Result<Vec<(i32, Result<i64, ConsumeError>)>, ConsumeError> {
        let topic = self.topic;
        let asked: Vec<(&str, i32)> = partitions.iter().map(|number| (topic, *number)).collect();
        let answers = async { Ok(self.consumer.offsets_for_times(&asked, time).await) };
        let answers = deadline(self.request_timeout, answers).await?;
        Ok(answers
            .into_iter()
            .map(|((_, partition), offset)| (partition, offset.map_err(classify)))
            .collect())
    }

    /// The next offset that krafka returns, if it is known; otherwise krafka alone would ask the
    /// group. This is not where the next fetch begins, which is past the buffered records.
    pub(super) async fn position(&self, partition: i32) -> Option<i64> {
        self.consumer.fetch_position(self.topic, partition).await?;
        self.consumer.position(self.topic, partition).await
    }

    pub(super) async fn seek(&self, partition: i32, offset: i64) -> Result<(), ConsumeError> {
        let sought = self.consumer.seek(self.topic, partition, offset).await;
        sought.map_err(classify)
    }

    /// Seeks; a partition that was revoked in the meantime needs no position.
    pub(super) async fn seek_if_assigned(&self, partition: i32, offset: i64) {
        if let Err(error) = self.seek(partition, offset).await {
            tracing::debug!(%error, partition, "seek failed");
        }
    }

    /// After a long outage krafka would wait up to 30 s before it fetches again. Seeking to the
    /// current position makes it fetch now. Returns the partitions that have no position yet.
    pub(super) async fn forget_back_offs(&self, partitions: &[i32]) -> Vec<i32> {
        let mut without = Vec::new();
        for partition in partitions {
            match self.position(*partition).await {
                Some(position) => self.seek_if_assigned(*partition, position).await,
                None => without.push(*partition),
            }
        }
        without
    }
}
