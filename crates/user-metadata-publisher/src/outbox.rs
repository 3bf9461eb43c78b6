use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use user_metadata_events::EncodedEvent;

use crate::metrics::Metrics;
use crate::partition_queue::QueuedEvent;
use crate::receipt::{Receipt, Sizes};
use crate::spool::{Disk, Spool};
use crate::state::State;
use crate::write_job::Unwritten;
use crate::{Accounting, DropReason, PublishError, PublisherOptions};

/// The events that were accepted and are not yet acknowledged, and the counts of all. Publishers
/// add events; the relay takes those that wait, and reports what became of them. With a disk, a
/// thread also writes them there, and reads back what does not fit in memory.
pub(crate) struct Outbox {
    pub(crate) state: Mutex<State>,
    pub(crate) changed: Notify,
    /// Notifies the disk's thread that there is work.
    pub(crate) disk_work: Condvar,
    max_events: usize,
    max_bytes: usize,
    linger: Duration,
    /// The `ce_source` of the records.
    pub(crate) source: String,
    pub(crate) metrics: Metrics,
}

/// Where an event goes.
enum Place {
    /// Into memory, where the relay finds it.
    Memory,
    /// After the events that are on disk only.
    Overflow,
}

impl Outbox {
    /// The largest batch, in bytes: half of what a broker takes by default.
    pub(crate) const BATCH_BYTES: usize = 512 << 10;

    pub(crate) fn new(options: PublisherOptions, spool: Spool) -> Self {
        Self {
            state: Mutex::new(State::new(spool)),
            changed: Notify::new(),
            disk_work: Condvar::new(),
            max_events: options.max_events,
            max_bytes: options.max_bytes,
            linger: options.linger,
            source: options.source,
            metrics: Metrics::new(),
        }
    }

    /// Accepts an event, or refuses it.
    pub(crate) fn push(&self, event: EncodedEvent) -> Result<(), PublishError> {
        let sizes = Sizes::of(&event, &self.source);
        let mut state = self.lock();
        let place = match self.admit(&state, sizes) {
            Ok(place) => place,
            Err((reason, error)) => {
                self.count_refused(&mut state, reason);
                return Err(error);
            }
        };
        state.counts.accepted += 1;
        let kept = (state.spool.disk != Disk::None).then(|| event.clone());
        let (sequence, wakes) = match place {
            Place::Overflow => (None, false),
            Place::Memory => {
                let before = state.waiting_bytes;
                let sequence = state.insert(event, sizes, Instant::now(), 0);
                // The relay is woken for the first and when a batch is full, not for every event.
                let is_full = |bytes| bytes >= Self::BATCH_BYTES;
                let wakes = before == 0 || (!is_full(before) && is_full(state.waiting_bytes));
                (Some(sequence), wakes)
            }
        };
        let wakes_disk = kept.is_some_and(|event| {
            state.spool.push(Unwritten {
                sequence,
                event,
                sizes,
            })
        });
        self.metrics.accepted();
        self.show(&state);
        drop(state);
        if wakes {
            self.changed.notify_one();
        }
        if wakes_disk {
            self.disk_work.notify_one();
        }
        Ok(())
    }

    /// Counts an event that could not even be encoded.
    pub(crate) fn refuse(&self, reason: DropReason) {
        self.count_refused(&mut self.lock(), reason);
    }

    fn admit(&self, state: &State, sizes: Sizes) -> Result<Place, (DropReason, PublishError)> {
        if state.task_gone {
            return Err((DropReason::Closed, PublishError::Closed));
        }
        let (events, bytes) = (state.pending.len(), state.pending_bytes + sizes.memory());
        let spool = &state.spool;
        let fits = bytes + spool.overflow_memory() <= self.max_bytes;
        // With a disk, a quarter of the memory is for what it is about to take.
        let has_window = events < self.max_events && bytes <= self.max_bytes / 4 * 3;
        let is_up = spool.disk == Disk::Up;
        let place = if spool.disk == Disk::None {
            (fits && events < self.max_events).then_some(Place::Memory)
        } else if !fits || (is_up && !spool.has_room(sizes)) {
            None
        } else if spool.is_behind() || (is_up && !has_window) {
            Some(Place::Overflow)
        } else {
            Some(Place::Memory)
        };
        place.ok_or_else(|| {
            let (events, bytes) = state.size();
            let full = PublishError::QueueFull { events, bytes };
            (DropReason::QueueFull, full)
        })
    }

    fn count_refused(&self, state: &mut State, reason: DropReason) {
        state.counts.accepted += 1;
        state.counts.dropped.add(reason, 1);
        self.metrics.accepted();
        self.metrics.dropped(reason, 1);
    }

    /// Waits for events, and then for others to share their batches: until the first has waited
    /// for the linger time, a batch is full, or no more can come. `false` when none is left and
    /// none can come. Cancel-safe: it takes nothing.
    pub(crate) async fn gathered(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            let due = {
                let state = self.lock();
                let is_last = state.handles_gone && state.is_all_in_memory();
                match state.waiting.front() {
                    None if is_last => return false,
                    None => None,
                    Some(_) if state.handles_gone || state.waiting_bytes >= Self::BATCH_BYTES => {
                        return true;
                    }
                    Some(first) => Some(first.receipt.accepted_at + self.linger),
                }
            };
            match due {
                None => changed.await,
                Some(due) if timeout_at(due, changed).await.is_err() => return true,
                Some(_) => {}
            }
        }
    }

    /// Waits until no handle is left and no event is pending.
    pub(crate) async fn finished(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                if state.handles_gone && state.size().0 == 0 {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Takes all events that wait. They stay pending.
    pub(crate) fn take(&self) -> VecDeque<QueuedEvent> {
        let mut state = self.lock();
        state.waiting_bytes = 0;
        std::mem::take(&mut state.waiting)
    }

    /// Notes that events were acknowledged.
    pub(crate) fn published(&self, receipts: &[Receipt]) {
        let now = Instant::now();
        let mut state = self.lock();
        self.settle(&mut state, receipts);
        state.counts.published += receipts.len() as u64;
        drop(state);
        self.metrics.published(receipts.len() as u64);
        for receipt in receipts {
            self.metrics.publish_time(now - receipt.accepted_at);
        }
    }

    /// Notes that events are lost.
    pub(crate) fn dropped(&self, reason: DropReason, receipts: &[Receipt]) {
        let mut state = self.lock();
        self.settle(&mut state, receipts);
        state.counts.dropped.add(reason, receipts.len() as u64);
        drop(state);
        self.metrics.dropped(reason, receipts.len() as u64);
    }

    fn settle(&self, state: &mut State, receipts: &[Receipt]) {
        let mut wakes_disk = false;
        let had_room = self.has_room_to_read(state);
        for receipt in receipts {
            let slot = state.pending.remove(&receipt.sequence);
            state.pending_bytes -= receipt.sizes.memory();
            if let Some(slot) = slot {
                wakes_disk |= state.spool.settle(slot.row, receipt.sizes);
            }
        }
        let State { spool, pending, .. } = state;
        spool.forget(
            |sequence| pending.contains_key(&sequence),
            state.pending_bytes,
        );
        self.show(state);
        if wakes_disk || (!had_room && self.has_room_to_read(state)) {
            self.disk_work.notify_one();
        }
    }

    /// Whether the disk's thread may read events back: half of what memory held is delivered.
    pub(crate) fn has_room_to_read(&self, state: &State) -> bool {
        state.pending_bytes < self.max_bytes / 2 && state.pending.len() < self.max_events
    }

    /// No handle is left, so no more events come.
    pub(crate) fn close(&self) {
        self.lock().handles_gone = true;
        self.changed.notify_one();
    }

    /// The task is gone: no more events are accepted.
    pub(crate) fn end(&self) {
        self.lock().task_gone = true;
    }

    pub(crate) fn accounting(&self) -> Accounting {
        let state = self.lock();
        Accounting {
            pending: state.size().0 as u64,
            ..state.counts
        }
    }

    /// The pending events that are on the disk.
    pub(crate) fn pending_on_disk(&self) -> u64 {
        let state = self.lock();
        if state.spool.disk == Disk::Gone {
            return 0;
        }
        let written = state.pending.values().filter(|slot| slot.row != 0).count();
        written as u64 + state.spool.events_on_disk_only()
    }

    /// The sequence number of the oldest pending event, and how long it has waited. Also sets the
    /// gauge of it.
    pub(crate) fn oldest(&self) -> Option<(u64, Duration)> {
        let oldest = self
            .lock()
            .pending
            .first_key_value()
            .map(|(sequence, slot)| (*sequence, slot.accepted_at.elapsed()));
        self.metrics
            .oldest(oldest.map(|(_, age)| age).unwrap_or_default());
        oldest
    }

    pub(crate) fn show(&self, state: &State) {
        let (events, bytes) = state.size();
        self.metrics.outbox(events, bytes);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
