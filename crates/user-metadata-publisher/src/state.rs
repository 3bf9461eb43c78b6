use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;
use user_metadata_events::EncodedEvent;

use crate::Accounting;
use crate::partition_queue::QueuedEvent;
use crate::receipt::{Receipt, Sizes, accepted_at};
use crate::spool::{Disk, Spool};
use crate::write_job::{Unwritten, WriteJob};

/// What the outbox holds, and the counts.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) waiting: VecDeque<QueuedEvent>,
    pub(crate) waiting_bytes: usize,
    /// Each event in memory that waits or is in flight.
    pub(crate) pending: BTreeMap<u64, Slot>,
    pub(crate) pending_bytes: usize,
    next_sequence: u64,
    /// All counts but that of the pending events.
    pub(crate) counts: Accounting,
    pub(crate) handles_gone: bool,
    pub(crate) task_gone: bool,
    pub(crate) spool: Spool,
}

/// What is known of a pending event.
pub(crate) struct Slot {
    pub(crate) accepted_at: Instant,
    /// The batch on the disk that holds the event; 0 before it is written.
    pub(crate) row: u64,
}

impl State {
    pub(crate) fn new(spool: Spool) -> Self {
        Self {
            spool,
            ..Self::default()
        }
    }

    /// Adds an event for the relay, and returns its place in the order.
    pub(crate) fn insert(
        &mut self,
        event: EncodedEvent,
        sizes: Sizes,
        accepted_at: Instant,
        row: u64,
    ) -> u64 {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.pending.insert(sequence, Slot { accepted_at, row });
        self.pending_bytes += sizes.memory();
        self.waiting_bytes += sizes.batch();
        let receipt = Receipt {
            sequence,
            accepted_at,
            sizes,
        };
        self.waiting.push_back(QueuedEvent { receipt, event });
        sequence
    }

    /// Notes that these events are on the disk in the batch `row`; returns how many of them are
    /// still pending.
    pub(crate) fn mark_written(&mut self, events: &[Unwritten], row: u64) -> u64 {
        let mut left = 0;
        for sequence in events.iter().filter_map(|event| event.sequence) {
            if let Some(slot) = self.pending.get_mut(&sequence) {
                slot.row = row;
                left += 1;
            }
        }
        left
    }

    /// What the disk is to write next.
    pub(crate) fn take_job(&mut self) -> WriteJob {
        let pending = &self.pending;
        self.spool.take(|sequence| pending.contains_key(&sequence))
    }

    /// The disk takes nothing now: events that were to be only there go into memory, unless others
    /// that are only on the disk come before them.
    pub(crate) fn take_overflow(&mut self) {
        let mut spool = std::mem::take(&mut self.spool);
        spool.take_overflow(|unwritten| {
            let at = accepted_at(unwritten.event.timestamp());
            self.insert(unwritten.event.clone(), unwritten.sizes, at, 0)
        });
        self.spool = spool;
    }

    pub(crate) fn is_all_in_memory(&self) -> bool {
        !self.spool.is_behind()
    }

    /// The pending events, and the bytes that count against the bound.
    pub(crate) fn size(&self) -> (usize, usize) {
        let whole = |count| usize::try_from(count).unwrap_or(usize::MAX);
        let events = self.pending.len() + whole(self.spool.events());
        let bytes = match self.spool.disk {
            Disk::None => self.pending_bytes,
            Disk::Up | Disk::Refusing | Disk::Gone => whole(self.spool.bytes()),
        };
        (events, bytes)
    }
}
