//! How far the caller has got.

use std::collections::BTreeMap;

use super::GroupRecord;
use super::end_offsets::EndOffset;

/// What the caller has received, and how much of it is processed.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// How many batches the caller has received.
    batches: u64,
    partitions: BTreeMap<u32, PartitionProgress>,
}

/// One partition.
#[derive(Debug, Clone, Copy)]
struct PartitionProgress {
    /// The first offset that is not processed.
    next: u64,
    /// The offset after the last record received.
    taken: u64,
}

impl Progress {
    pub(super) fn took(&mut self, records: &[GroupRecord]) {
        self.batches += 1;
        for run in records.chunk_by(|one, next| one.partition == next.partition) {
            let [first, ..] = run else { continue };
            let progress = self.partitions.entry(first.partition);
            let progress = progress.or_insert(PartitionProgress {
                next: first.offset,
                taken: first.offset,
            });
            progress.taken = run.last().unwrap_or(first).offset + 1;
        }
    }

    /// Notes these positions, and returns the valid ones: a position beyond everything received
    /// belongs to an earlier topic of the same name.
    pub(super) fn processed(&mut self, positions: &[(u32, u64)]) -> Vec<(u32, u64)> {
        let mut known = positions.to_vec();
        known.retain(
            |(partition, next)| match self.partitions.get_mut(partition) {
                Some(progress) if *next > progress.taken => false,
                Some(progress) => {
                    progress.next = *next;
                    true
                }
                None => true,
            },
        );
        known
    }

    /// Continues at another offset.
    pub(super) fn reset(&mut self, partition: u32, to: u64) {
        let progress = PartitionProgress {
            next: to,
            taken: to,
        };
        self.partitions.insert(partition, progress);
    }

    pub(super) fn keep(&mut self, partitions: &[u32]) {
        self.partitions.retain(|own, _| partitions.contains(own));
    }

    /// The first offset of a partition that is not processed.
    pub(super) fn position(&self, partition: u32, end_offset: &EndOffset) -> u64 {
        match self.partitions.get(&partition) {
            None => end_offset.position,
            // What follows is not a record: the end of a transaction, or it was compacted away.
            Some(PartitionProgress { next, taken })
                if next == taken && self.batches >= end_offset.batches =>
            {
                end_offset.position.max(*next)
            }
            Some(PartitionProgress { next, .. }) => *next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KafkaRecord;

    fn record(offset: u64) -> GroupRecord {
        GroupRecord {
            partition: 0,
            offset,
            record: KafkaRecord {
                key: None,
                value: None,
                headers: Vec::new(),
                timestamp_ms: 0,
            },
        }
    }

    #[test]
    fn what_is_not_a_record_counts_as_processed_once_all_before_it_is() {
        let mut progress = Progress::default();
        let mut end_offset = EndOffset {
            position: 4,
            end: 4,
            batches: 1,
        };
        progress.took(&[record(0), record(1), record(2)]);
        assert_eq!(progress.position(0, &end_offset), 0);
        progress.processed(&[(0, 2)]);
        assert_eq!(progress.position(0, &end_offset), 2);
        progress.processed(&[(0, 3)]);
        assert_eq!(progress.position(0, &end_offset), 4);
        // One more record is queued and not received yet.
        (end_offset.position, end_offset.batches) = (6, 2);
        assert_eq!(progress.position(0, &end_offset), 3);
        progress.took(&[record(4)]);
        assert_eq!(progress.position(0, &end_offset), 3);
        progress.processed(&[(0, 5)]);
        assert_eq!(progress.position(0, &end_offset), 6);
    }
}
