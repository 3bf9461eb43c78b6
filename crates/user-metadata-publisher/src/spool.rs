use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::load::{Load, Unwritten};
use crate::receipt::Sizes;

/// What the outbox knows of its disk: which events are to be written, which batches hold events
/// that are not acknowledged, and what lies there that is not in memory.
#[derive(Default)]
pub(crate) struct Spool {
    /// There is a disk.
    pub(crate) is_used: bool,
    pub(crate) max_bytes: u64,
    /// The disk takes what is written to it.
    pub(crate) is_up: bool,
    /// Not on the disk yet, oldest first.
    unwritten: VecDeque<Unwritten>,
    unwritten_bytes: u64,
    /// When the first of them came.
    unwritten_since: Option<Instant>,
    /// What events take that were acknowledged before they were written: some are still among them.
    settled_bytes: usize,
    /// Those of them that are nowhere else in memory: they come after what lies on the disk only.
    overflow: Overflow,
    /// When the write that is under way began, unless it writes nothing.
    pub(crate) writing_since: Option<Instant>,
    /// Batches with events in memory that are not acknowledged.
    rows: HashMap<u64, Row>,
    /// Batches whose events are all acknowledged, to be removed.
    done: Vec<(u64, u64)>,
    done_since: Option<Instant>,
    /// What all batches on the disk take, in bytes.
    bytes: u64,
    behind: Behind,
    pub(crate) is_closing: bool,
    pub(crate) is_closed: bool,
}

#[derive(Default, Clone, Copy)]
struct Overflow {
    events: u64,
    memory: usize,
}

struct Row {
    left: u64,
    bytes: u64,
}

/// What lies on the disk only, after all that is in memory.
#[derive(Default)]
struct Behind {
    events: u64,
    /// The last batch that was read.
    after: u64,
}

impl Spool {
    /// Large enough to be cheap, small enough to be removed soon.
    const ROW_BYTES: u64 = 512 << 10;
    /// How long an event waits for others to share its transaction; 5 ms are promised.
    const LINGER: Duration = Duration::from_millis(1);
    /// How long acknowledged events stay on the disk, to be removed together: after a crash they
    /// are sent again.
    const TRIM: Duration = Duration::from_millis(100);

    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            is_used: true,
            max_bytes,
            is_up: true,
            ..Self::default()
        }
    }

    /// Whether there are events that are not in the relay's reach, so that new ones go behind them.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.events > 0 || self.overflow.events > 0
    }

    /// The events outside the relay's reach.
    pub(crate) fn events(&self) -> u64 {
        self.behind.events + self.overflow.events
    }

    /// The events on the disk only.
    pub(crate) fn events_behind(&self) -> u64 {
        self.behind.events
    }

    /// The bytes that count against the bound.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes + self.unwritten_bytes
    }

    pub(crate) fn overflow_memory(&self) -> usize {
        self.overflow.memory
    }

    pub(crate) fn has_room(&self, sizes: Sizes) -> bool {
        self.bytes() + sizes.batch() as u64 <= self.max_bytes
    }

    /// Notes an event to be written; says whether the thread has to be told.
    pub(crate) fn push(&mut self, unwritten: Unwritten) -> bool {
        if unwritten.sequence.is_none() {
            self.overflow.events += 1;
            self.overflow.memory += unwritten.sizes.memory();
        }
        let before = self.unwritten_bytes;
        self.unwritten_bytes += unwritten.sizes.batch() as u64;
        self.unwritten.push_back(unwritten);
        let is_first = self.unwritten_since.is_none();
        if is_first {
            self.unwritten_since = Some(Instant::now());
        }
        is_first || (before < Self::ROW_BYTES && self.unwritten_bytes >= Self::ROW_BYTES)
    }

    /// When there is something to write: at once if that is not after `now`.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.is_closing || self.unwritten_bytes >= Self::ROW_BYTES {
            let has_work = !self.unwritten.is_empty() || !self.done.is_empty();
            return has_work.then_some(now);
        }
        let write = self.unwritten_since.map(|since| since + Self::LINGER);
        let trim = self.done_since.map(|since| since + Self::TRIM);
        [write, trim].into_iter().flatten().min()
    }

    /// Takes what is to be written next: events of one kind, those that are acknowledged already
    /// left out.
    pub(crate) fn take(&mut self, is_pending: impl Fn(u64) -> bool) -> Load {
        let mut load = Load {
            done: std::mem::take(&mut self.done),
            ..Load::default()
        };
        self.done_since = None;
        let mut bytes = 0;
        let kind = self.unwritten.front().map(|first| first.sequence.is_some());
        while let Some(first) = self.unwritten.front()
            && Some(first.sequence.is_some()) == kind
            && bytes < Self::ROW_BYTES
        {
            let Some(first) = self.unwritten.pop_front() else {
                break;
            };
            if first.sequence.is_none_or(&is_pending) {
                bytes += first.sizes.batch() as u64;
                load.events.push(first);
            } else {
                self.unwritten_bytes -= first.sizes.batch() as u64;
            }
        }
        self.unwritten_since = (!self.unwritten.is_empty()).then(Instant::now);
        self.writing_since = (!load.is_empty()).then(Instant::now);
        load
    }

    /// Notes that `load` is on the disk, as the batch `row` of so many bytes, of whose events `left`
    /// are in memory and not acknowledged.
    pub(crate) fn written(&mut self, load: &Load, row: u64, bytes: u64, left: u64) {
        self.writing_since = None;
        for (_, bytes) in &load.done {
            self.bytes = self.bytes.saturating_sub(*bytes);
        }
        if self.behind.events == 0 {
            // What was written before is in memory.
            self.behind.after = row - 1;
        }
        for event in &load.events {
            self.unwritten_bytes -= event.sizes.batch() as u64;
            if event.sequence.is_none() {
                self.overflow.events -= 1;
                self.overflow.memory -= event.sizes.memory();
                self.behind.events += 1;
            }
        }
        if load.events.is_empty() {
            return;
        }
        self.bytes += bytes;
        if load.events.iter().any(|event| event.sequence.is_some()) {
            self.hold(row, left, bytes);
        }
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&mut self, load: Load) {
        self.writing_since = None;
        if !load.events.is_empty() {
            self.unwritten_since.get_or_insert_with(Instant::now);
        }
        for event in load.events.into_iter().rev() {
            self.unwritten.push_front(event);
        }
        self.done.extend(load.done);
    }

    /// Where nothing lies on the disk only, puts the events that come next into memory, too: the
    /// disk does not take them now. `sequence` does so with each and says where it stands.
    pub(crate) fn take_overflow(&mut self, mut sequence: impl FnMut(&Unwritten) -> u64) {
        if self.behind.events > 0 {
            return;
        }
        for event in &mut self.unwritten {
            if event.sequence.is_none() {
                event.sequence = Some(sequence(event));
            }
        }
        self.overflow = Overflow::default();
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

    /// Lets go of events that need not be written any more: of the oldest at once, and of those
    /// behind one that is still pending when they take a quarter of what `pending_bytes` takes.
    pub(crate) fn forget(&mut self, is_pending: impl Fn(u64) -> bool, pending_bytes: usize) {
        while let Some(first) = self.unwritten.front()
            && first.sequence.is_some_and(|sequence| !is_pending(sequence))
        {
            self.unwritten_bytes -= first.sizes.batch() as u64;
            self.unwritten.pop_front();
        }
        if self.settled_bytes > (pending_bytes / 4).max(Self::ROW_BYTES as usize) {
            self.settled_bytes = 0;
            self.unwritten.retain(|event| {
                let stays = event.sequence.is_none_or(&is_pending);
                // The count includes what is being written now.
                self.unwritten_bytes -= if stays { 0 } else { event.sizes.batch() as u64 };
                stays
            });
        }
        if self.unwritten.is_empty() {
            self.unwritten_since = None;
        }
    }

    /// Notes that an event of a batch (0: of none yet) is acknowledged or lost; says whether the
    /// thread has to be told.
    pub(crate) fn settle(&mut self, row: u64, sizes: Sizes) -> bool {
        let Some(found) = self.rows.get_mut(&row) else {
            self.settled_bytes += sizes.memory();
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

    /// Notes what an earlier process has left.
    pub(crate) fn found(&mut self, events: u64, bytes: u64) {
        self.behind.events += events;
        self.bytes += bytes;
    }

    /// The batch after which to read on.
    pub(crate) fn read_after(&self) -> u64 {
        self.behind.after
    }

    /// Whether the events of a batch are in memory or acknowledged: it was written while older ones
    /// waited on the disk to be read, in a file that could not be opened at the start.
    pub(crate) fn holds(&self, row: u64) -> bool {
        self.rows.contains_key(&row) || self.done.iter().any(|(done, _)| *done == row)
    }

    /// Reads on after a batch that it [holds](Self::holds).
    pub(crate) fn pass_over(&mut self, row: u64) {
        self.behind.after = row;
    }

    /// Notes that a batch was read; `left` of its events are in memory now.
    pub(crate) fn read(&mut self, row: u64, events: u64, left: u64, bytes: u64) {
        self.behind.after = row;
        self.behind.events = self.behind.events.saturating_sub(events);
        self.hold(row, left, bytes);
        self.count_bytes();
    }

    /// Notes that a batch can't be read, and is to be removed. What was in it counts until the end of
    /// the file is reached: a damaged batch is not to be believed how much that is.
    pub(crate) fn unreadable(&mut self, row: u64) {
        self.behind.after = row;
        self.finish(row, 0);
    }

    /// Gives up what is not in the file where it was to be, and returns how many events that are.
    pub(crate) fn lose_the_rest(&mut self) -> u64 {
        let lost = std::mem::take(&mut self.behind.events);
        self.count_bytes();
        lost
    }

    /// Where nothing lies on the disk only, all batches are known: those that could not be read
    /// count no more.
    fn count_bytes(&mut self) {
        if self.behind.events == 0 {
            let rows = self.rows.values().map(|row| row.bytes);
            self.bytes = rows.chain(self.done.iter().map(|(_, bytes)| *bytes)).sum();
        }
    }
}
