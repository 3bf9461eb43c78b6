use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pipeline::PartitionOffsets;

/// The progress of a replay, at any time and from any task.
#[derive(Debug, Clone)]
pub struct ReplayProgress {
    sinks: Vec<SharedTrack>,
}

/// The progress of one sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkProgress {
    /// The sink's name.
    pub name: String,
    /// The number of records to read, including those that the sink does not get.
    pub total: u64,
    /// How many of them are processed: stored, rejected or left out.
    pub done: u64,
    /// Events that the sink has rejected.
    pub rejected: u64,
    /// Records that the sink does not get: of another time, or letters of another sink.
    pub left_out: u64,
    /// Per partition, the next offset to process, and the end.
    pub partitions: BTreeMap<u32, Range<u64>>,
}

pub(super) type SharedTrack = Arc<Mutex<Track>>;

/// What the source records and the progress shows.
#[derive(Debug)]
pub(super) struct Track {
    name: Arc<str>,
    begun: BTreeMap<u32, Range<u64>>,
    /// Per partition, the offset after the last record that was read.
    read: BTreeMap<u32, u64>,
    settled: BTreeMap<u32, u64>,
    rejected: u64,
    left_out: u64,
}

pub(super) fn lock(shared: &SharedTrack) -> MutexGuard<'_, Track> {
    // Nothing panics while it is locked.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Track {
    pub(super) fn shared(name: &Arc<str>) -> SharedTrack {
        Arc::new(Mutex::new(Self {
            name: Arc::clone(name),
            begun: BTreeMap::new(),
            read: BTreeMap::new(),
            settled: BTreeMap::new(),
            rejected: 0,
            left_out: 0,
        }))
    }

    pub(super) fn begin(&mut self, ranges: &BTreeMap<u32, Range<u64>>) {
        self.begun.clone_from(ranges);
    }

    pub(super) fn read(&mut self, partition: u32, next: u64) {
        self.read.insert(partition, next);
    }

    pub(super) fn settled(&mut self, positions: &[(u32, u64)]) {
        self.settled.extend(positions.iter().copied());
    }

    /// Everything is read; records that are read and not settled are still to be done.
    pub(super) fn finish(&mut self) {
        for (partition, range) in &self.begun {
            if self.settled.get(partition) >= self.read.get(partition) {
                self.settled.insert(*partition, range.end);
            }
        }
    }

    /// Counts an event that the sink has rejected, and returns how many there are now.
    pub(super) const fn rejected(&mut self) -> u64 {
        self.rejected += 1;
        self.rejected
    }

    /// Counts a record that the sink does not get.
    pub(super) const fn left_out(&mut self) {
        self.left_out += 1;
    }

    fn partitions(&self) -> BTreeMap<u32, Range<u64>> {
        let begun = self.begun.iter();
        let ahead = begun.map(|(partition, range)| {
            let settled = self.settled.get(partition).copied();
            let next = settled.unwrap_or(range.start).min(range.end);
            (*partition, next..range.end)
        });
        ahead.collect()
    }

    pub(super) fn offsets(&self) -> Vec<PartitionOffsets> {
        let ahead = self.partitions().into_iter();
        let offsets = ahead.map(|(partition, range)| PartitionOffsets {
            partition,
            position: range.start,
            end: range.end,
        });
        offsets.collect()
    }

    fn progress(&self) -> SinkProgress {
        let count = |ranges: &BTreeMap<u32, Range<u64>>| {
            let records = ranges.values().map(|range| range.end - range.start);
            records.sum::<u64>()
        };
        let partitions = self.partitions();
        let total = count(&self.begun);
        SinkProgress {
            name: self.name.to_string(),
            total,
            done: total - count(&partitions),
            rejected: self.rejected,
            left_out: self.left_out,
            partitions,
        }
    }
}

impl ReplayProgress {
    pub(super) fn new(sinks: Vec<SharedTrack>) -> Self {
        Self { sinks }
    }

    /// Every sink, in the order in which they were added.
    #[must_use]
    pub fn sinks(&self) -> Vec<SinkProgress> {
        self.sinks
            .iter()
            .map(|shared| lock(shared).progress())
            .collect()
    }

    /// The number of records to process, all sinks together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sinks().iter().map(|sink| sink.total).sum()
    }

    /// How many of them are processed.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.sinks().iter().map(|sink| sink.done).sum()
    }
}

impl SinkProgress {
    /// Whether all records are processed.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.done == self.total
    }
}
