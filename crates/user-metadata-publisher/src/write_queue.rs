use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::receipt::Sizes;
use crate::write_job::Unwritten;

/// The events that are to be written to the disk, oldest first. What the thread has taken still
/// counts until it is [written](Self::written).
#[derive(Default)]
pub(crate) struct WriteQueue {
    events: VecDeque<Unwritten>,
    bytes: u64,
    /// When the first event came.
    since: Option<Instant>,
    /// The size of the events that were acknowledged before they were written; some of them are
    /// still in the queue.
    settled_bytes: usize,
    overflow: Overflow,
}

/// Events that are nowhere else in memory: they come after what is only on the disk.
#[derive(Default, Clone, Copy)]
pub(crate) struct Overflow {
    pub(crate) events: u64,
    pub(crate) memory: usize,
}

impl WriteQueue {
    /// Large enough to be cheap, small enough to be removed soon.
    const ROW_BYTES: u64 = 512 << 10;
    /// How long an event waits for others to share its transaction; 5 ms are promised.
    const LINGER: Duration = Duration::from_millis(1);

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.overflow
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether there is enough for a batch.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= Self::ROW_BYTES
    }

    /// When the first event has waited long enough for others.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + Self::LINGER)
    }

    /// Adds an event; returns whether the disk's thread has to be woken.
    pub(crate) fn push(&mut self, event: Unwritten) -> bool {
        if event.sequence.is_none() {
            self.overflow.events += 1;
            self.overflow.memory += event.sizes.memory();
        }
        let was_full = self.is_full();
        self.bytes += event.sizes.batch() as u64;
        self.events.push_back(event);
        let is_first = self.since.is_none();
        self.since.get_or_insert_with(Instant::now);
        is_first || (!was_full && self.is_full())
    }

    /// Takes the events of the next batch: all of one kind, without those that are already
    /// acknowledged.
    pub(crate) fn take(&mut self, is_pending: impl Fn(u64) -> bool) -> Vec<Unwritten> {
        let mut taken = Vec::new();
        let mut bytes = 0;
        let kind = self.events.front().map(|first| first.sequence.is_some());
        while bytes < Self::ROW_BYTES
            && let Some(first) = self
                .events
                .pop_front_if(|first| Some(first.sequence.is_some()) == kind)
        {
            if first.sequence.is_none_or(&is_pending) {
                bytes += first.sizes.batch() as u64;
                taken.push(first);
            } else {
                self.bytes -= first.sizes.batch() as u64;
            }
        }
        self.since = (!self.events.is_empty()).then(Instant::now);
        taken
    }

    /// Notes that `events` are on the disk; returns how many of them are nowhere else now.
    pub(crate) fn written(&mut self, events: &[Unwritten]) -> u64 {
        let before = self.overflow.events;
        for event in events {
            self.bytes -= event.sizes.batch() as u64;
            if event.sequence.is_none() {
                self.overflow.events -= 1;
                self.overflow.memory -= event.sizes.memory();
            }
        }
        before - self.overflow.events
    }

    /// Puts back what could not be written.
    pub(crate) fn put_back(&mut self, events: Vec<Unwritten>) {
        if !events.is_empty() {
            self.since.get_or_insert_with(Instant::now);
        }
        for event in events.into_iter().rev() {
            self.events.push_front(event);
        }
    }

    /// Puts the events that are nowhere else into memory, too: `sequence` does so with each and
    /// returns its place in the order.
    pub(crate) fn take_overflow(&mut self, mut sequence: impl FnMut(&Unwritten) -> u64) {
        for event in &mut self.events {
            if event.sequence.is_none() {
                event.sequence = Some(sequence(event));
            }
        }
        self.overflow = Overflow::default();
    }

    /// Notes that an event which is not on the disk yet is acknowledged or lost.
    pub(crate) fn settle(&mut self, sizes: Sizes) {
        self.settled_bytes += sizes.memory();
    }

    /// Removes events that need not be written any more: the oldest at once, and those behind one
    /// that is still pending when they take a quarter of `pending_bytes`.
    pub(crate) fn forget(&mut self, is_pending: impl Fn(u64) -> bool, pending_bytes: usize) {
        let is_settled =
            |event: &Unwritten| event.sequence.is_some_and(|sequence| !is_pending(sequence));
        while let Some(first) = self.events.pop_front_if(|first| is_settled(first)) {
            self.bytes -= first.sizes.batch() as u64;
        }
        if self.settled_bytes > (pending_bytes / 4).max(Self::ROW_BYTES as usize) {
            self.settled_bytes = 0;
            self.events.retain(|event| {
                let goes = is_settled(event);
                // The count includes what is being written now.
                self.bytes -= if goes { event.sizes.batch() as u64 } else { 0 };
                !goes
            });
        }
        if self.events.is_empty() {
            self.since = None;
        }
    }
}
