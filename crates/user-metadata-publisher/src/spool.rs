use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::receipt::Sizes;
use crate::write_job::{Unwritten, WriteJob};
use crate::write_queue::WriteQueue;

/// What the outbox knows of its disk: which events are to be written, which batches hold events
/// that are not acknowledged, and what is only there and not in memory.
#[derive(Default)]
pub(crate) struct Spool {
    pub(crate) disk: Disk,
    pub(crate) closing: Closing,
    max_bytes: u64,
    unwritten: WriteQueue,
    /// When the current write began, unless it writes nothing.
    pub(crate) writing_since: Option<Instant>,
    /// Batches with events in memory that are not acknowledged.
    rows: HashMap<u64, Row>,
    /// Batches whose events are all acknowledged, to be removed.
    done: Vec<(u64, u64)>,
    done_since: Option<Instant>,
    /// The size of all batches on the disk, in bytes.
    bytes: u64,
    on_disk_only: OnDiskOnly,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// The outbox is in memory only.
    #[default]
    None,
    /// The disk takes what is written to it.
    Up,
    /// The disk refuses for now.
    Refusing,
    /// The file was deleted: what is in it is lost with this process.
    Gone,
}

/// Whether the disk's thread is to stop.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closing {
    #[default]
    No,
    Asked,
    Done,
}

struct Row {
    left: u64,
    bytes: u64,
}

/// What is only on the disk, after all that is in memory.
#[derive(Default)]
struct OnDiskOnly {
    events: u64,
    /// The last batch that was read.
    after: u64,
}

impl Spool {
    /// How long acknowledged events stay on the disk, to be removed together: after a crash they
    /// are sent again.
    const TRIM: Duration = Duration::from_millis(100);

    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            disk: Disk::Up,
            max_bytes,
            ..Self::default()
        }
    }

    /// Whether there are events that the relay does not see yet, so that new ones must go after
    /// them.
    pub(crate) fn is_behind(&self) -> bool {
        self.on_disk_only.events > 0 || self.unwritten.overflow().events > 0
    }

    /// The events that the relay does not see yet.
    pub(crate) fn events(&self) -> u64 {
        self.on_disk_only.events + self.unwritten.overflow().events
    }

    /// The events that are only on the disk.
    pub(crate) fn events_on_disk_only(&self) -> u64 {
        self.on_disk_only.events
    }

    /// The bytes that count against the bound.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes + self.unwritten.bytes()
    }

    pub(crate) fn overflow_memory(&self) -> usize {
        self.unwritten.overflow().memory
    }

    pub(crate) fn has_room(&self, sizes: Sizes) -> bool {
        self.bytes() + sizes.batch() as u64 <= self.max_bytes
    }

    /// Adds an event that is to be written; returns whether the disk's thread has to be woken.
    pub(crate) fn push(&mut self, unwritten: Unwritten) -> bool {
        self.unwritten.push(unwritten)
    }

    /// When there is something to write; now, if that is not after `now`.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.closing != Closing::No || self.unwritten.is_full() {
            let has_work = !self.unwritten.is_empty() || !self.done.is_empty();
            return has_work.then_some(now);
        }
        let trim = self.done_since.map(|since| since + Self::TRIM);
        [self.unwritten.due(), trim].into_iter().flatten().min()
    }

    /// Takes what is to be written next.
    pub(crate) fn take(&mut self, is_pending: impl Fn(u64) -> bool) -> WriteJob {
        let job = WriteJob {
            events: self.unwritten.take(is_pending),
            done: std::mem::take(&mut self.done),
        };
        self.done_since = None;
        self.writing_since = (!job.is_empty()).then(Instant::now);
        job
    }

    /// Notes that `job` is on the disk, as the batch `row` of `bytes`, of whose events `left` are
    /// in memory and not acknowledged.
    pub(crate) fn written(&mut self, job: &WriteJob, row: u64, bytes: u64, left: u64) {
        self.writing_since = None;
        for (_, bytes) in &job.done {
            self.bytes = self.bytes.saturating_sub(*bytes);
        }
        if self.on_disk_only.events == 0 {
            // What was written before is in memory.
            self.on_disk_only.after = row - 1;
        }
        self.on_disk_only.events += self.unwritten.written(&job.events);
        if job.events.is_empty() {
            return;
        }
        self.bytes += bytes;
        if job.events.iter().any(|event| event.sequence.is_some()) {
            self.hold(row, left, bytes);
        }
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&mut self, job: WriteJob) {
        self.writing_since = None;
        self.unwritten.put_back(job.events);
        self.done.extend(job.done);
    }

    /// If every event on disk is also in memory, puts the events that come next into memory, too,
    /// as the disk does not take them now. `sequence` does so with each and returns its place in
    /// the order.
    pub(crate) fn take_overflow(&mut self, sequence: impl FnMut(&Unwritten) -> u64) {
        if self.on_disk_only.events == 0 {
            self.unwritten.take_overflow(sequence);
        }
    }

    fn hold(&mut self, row: u64, left: u64, bytes: u64) {
        if left == 0 {
            self.finish(row, bytes);
        } else {
            self.rows.insert(row, Row { left, bytes });
        }
    }

    fn finish(&mut self, row: u64, bytes: u64) {
        self.done.push((row, bytes));
        self.done_since.get_or_insert_with(Instant::now);
    }

    /// Removes events that need not be written any more.
    pub(crate) fn forget(&mut self, is_pending: impl Fn(u64) -> bool, pending_bytes: usize) {
        self.unwritten.forget(is_pending, pending_bytes);
    }

    /// Notes that an event of a batch (0: of none yet) is acknowledged or lost; returns whether
    /// the disk's thread has to be woken.
    pub(crate) fn settle(&mut self, row: u64, sizes: Sizes) -> bool {
        let Some(found) = self.rows.get_mut(&row) else {
            self.unwritten.settle(sizes);
            return false;
        };
        found.left -= 1;
        if found.left > 0 {
            return false;
        }
        let bytes = found.bytes;
        self.rows.remove(&row);
        let is_first = self.done.is_empty();
        self.finish(row, bytes);
        is_first
    }

    /// Notes what an earlier process left.
    pub(crate) fn found(&mut self, events: u64, bytes: u64) {
        self.on_disk_only.events += events;
        self.bytes += bytes;
    }

    /// The batch after which to read on.
    pub(crate) fn read_after(&self) -> u64 {
        self.on_disk_only.after
    }

    /// Whether the events of a batch are in memory or acknowledged. That is so if it was written
    /// while older ones on the disk waited to be read, in a file that could not be opened at the
    /// start.
    pub(crate) fn holds(&self, row: u64) -> bool {
        self.rows.contains_key(&row) || self.done.iter().any(|(done, _)| *done == row)
    }

    /// Reads on after a batch that it [holds](Self::holds).
    pub(crate) fn pass_over(&mut self, row: u64) {
        self.on_disk_only.after = row;
    }

    /// Notes that a batch was read; `left` of its events are in memory now.
    pub(crate) fn read(&mut self, row: u64, events: u64, left: u64, bytes: u64) {
        self.on_disk_only.after = row;
        self.on_disk_only.events = self.on_disk_only.events.saturating_sub(events);
        self.hold(row, left, bytes);
        self.count_bytes();
    }

    /// Notes that a batch can't be read, and is to be removed. Its events count until the end of
    /// the file is reached, as a damaged batch can't be trusted to say how many they are.
    pub(crate) fn unreadable(&mut self, row: u64) {
        self.on_disk_only.after = row;
        self.finish(row, 0);
    }

    /// Gives up the events that the file should have and does not, and returns how many they are.
    pub(crate) fn lose_the_rest(&mut self) -> u64 {
        let lost = std::mem::take(&mut self.on_disk_only.events);
        self.count_bytes();
        lost
    }

    /// If every event on disk is also in memory, all batches are known: those that could not be read
    /// no longer count.
    fn count_bytes(&mut self) {
        if self.on_disk_only.events == 0 {
            let rows = self.rows.values().map(|row| row.bytes);
            self.bytes = rows.chain(self.done.iter().map(|(_, bytes)| *bytes)).sum();
        }
    }
}
