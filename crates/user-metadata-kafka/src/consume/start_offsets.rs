//! Where reading starts in a partition whose position is missing or no longer available.

use std::collections::HashMap;

use super::classify::deadline;
use super::member::Member;
use super::offsets::{EARLIEST, LATEST};
use super::{ConsumeError, ConsumeStart, GroupEvent};

impl Member {
    /// Gives each partition a position: the group's commit, or else what the options say. If it
    /// already has one, the broker has rejected it, and reading continues at the oldest record.
    pub(super) async fn set_positions(&self, partitions: &[i32]) -> Result<(), ConsumeError> {
        let topic = self.options.topic();
        let mut without = Vec::new();
        for partition in partitions {
            match self.consumer.fetch_position(topic, *partition).await {
                Some(refused) => self.reset_to_oldest(*partition, refused).await?,
                None => without.push(*partition),
            }
        }
        if without.is_empty() {
            return Ok(());
        }
        let committed = self.committed(&without).await?;
        for partition in &without {
            if let Some(offset) = committed.get(partition) {
                self.offsets().seek_if_assigned(*partition, *offset).await;
            }
        }
        without.retain(|partition| !committed.contains_key(partition));
        self.set_start_offsets(&without).await
    }

    /// Continues at the oldest record, because the offset `refused` is not available.
    pub(super) async fn reset_to_oldest(
        &self,
        partition: i32,
        refused: i64,
    ) -> Result<(), ConsumeError> {
        let Some((_, oldest)) = self.offsets().at(&[partition], EARLIEST).await?.pop() else {
            return Ok(());
        };
        self.offsets().seek_if_assigned(partition, oldest).await;
        tracing::warn!(
            group = self.options.group(),
            partition,
            from = refused,
            to = oldest,
            "the group's offset is no longer available; reading continues at the oldest record"
        );
        if let (Ok(partition), Ok(from), Ok(to)) = (
            u32::try_from(partition),
            u64::try_from(refused),
            u64::try_from(oldest),
        ) {
            self.end_offsets.forget(partition);
            self.commits.restart(partition, to);
            self.event(GroupEvent::OffsetReset {
                partition,
                from,
                to,
            });
        }
        Ok(())
    }

    /// Sets the start of partitions for which the group has no commit, and commits it: "latest"
    /// means the end as of now, also after a restart tomorrow.
    async fn set_start_offsets(&self, partitions: &[i32]) -> Result<(), ConsumeError> {
        // In a partition that was added while this member was reading, "latest" has nothing to
        // skip.
        let (old, new): (Vec<i32>, Vec<i32>) = partitions.iter().partition(|partition| {
            let number = u32::try_from(**partition).unwrap_or_default();
            self.first_count.is_none_or(|count| number < count)
        });
        let mut starts = self.offsets().at(&new, EARLIEST).await?;
        starts.extend(match self.options.start() {
            ConsumeStart::Earliest => self.offsets().at(&old, EARLIEST).await?,
            ConsumeStart::Latest => self.offsets().at(&old, LATEST).await?,
            ConsumeStart::At(time) => self.offsets_at(&old, time).await?,
        });
        let mut positions = Vec::with_capacity(starts.len());
        for (partition, offset) in starts {
            self.offsets().seek_if_assigned(partition, offset).await;
            if let (Ok(partition), Ok(offset)) = (u32::try_from(partition), u64::try_from(offset)) {
                positions.push((partition, offset));
            }
        }
        self.commits.start(&positions);
        Ok(())
    }

    /// The end, where no record is at `time` or later.
    async fn offsets_at(
        &self,
        partitions: &[i32],
        time: i64,
    ) -> Result<Vec<(i32, i64)>, ConsumeError> {
        let found = self.offsets().at(partitions, time.max(0)).await?;
        let (mut starts, without): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(_, offset)| *offset >= 0);
        let without: Vec<i32> = without
            .into_iter()
            .map(|(partition, _)| partition)
            .collect();
        starts.extend(self.offsets().at(&without, LATEST).await?);
        Ok(starts)
    }

    async fn committed(&self, partitions: &[i32]) -> Result<HashMap<i32, i64>, ConsumeError> {
        let topic = self.options.topic();
        let asked: Vec<(&str, i32)> = partitions.iter().map(|number| (topic, *number)).collect();
        let found = deadline(self.request_timeout, self.consumer.committed(&asked)).await?;
        Ok(found
            .into_iter()
            .map(|((_, partition), committed)| (partition, committed.offset))
            .filter(|(_, offset)| *offset >= 0)
            .collect())
    }
}
