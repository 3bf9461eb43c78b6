use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use user_metadata_events::{EventId, Record, UserMetadataEvent};

use crate::metrics::Metrics;
use crate::{Accounting, DropReason, PublishError, PublisherOptions};

/// The events that were accepted and are not yet acknowledged, and the account of all. Whoever
/// publishes puts them in; the relay takes those that wait, and says what became of them.
pub(crate) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
    max_events: usize,
    max_bytes: usize,
    linger: Duration,
    metrics: Metrics,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Entry>,
    waiting_bytes: usize,
    /// When each event that waits or is under way was accepted.
    pending: BTreeMap<u64, Instant>,
    pending_bytes: usize,
    next_sequence: u64,
    /// All but `pending`, which is the map's length.
    counts: Accounting,
    handles_gone: bool,
    task_gone: bool,
}

/// An accepted event.
pub(crate) struct Entry {
    pub(crate) receipt: Receipt,
    pub(crate) record: Record,
}

/// What is needed of an event once its record is on the way.
#[derive(Debug)]
pub(crate) struct Receipt {
    sequence: u64,
    accepted_at: Instant,
    memory: usize,
    pub(crate) event_id: EventId,
    pub(crate) user_id: String,
    pub(crate) username: String,
    /// What the record takes in a batch, in bytes.
    pub(crate) bytes: usize,
}

impl Outbox {
    /// The largest batch, in bytes: half of what a broker takes by default.
    pub(crate) const BATCH_BYTES: usize = 512 << 10;

    /// What a record takes in a batch beyond its own bytes, in bytes.
    const FRAMING: usize = 100;

    /// What an event takes in memory beyond its record's bytes: allocations and indexes.
    const OVERHEAD: usize = 900;

    pub(crate) fn new(options: &PublisherOptions) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            max_events: options.max_events,
            max_bytes: options.max_bytes,
            linger: options.linger,
            metrics: Metrics::new(),
        }
    }

    /// Takes an event and its record, or refuses it.
    pub(crate) fn push(
        &self,
        event: UserMetadataEvent,
        record: Record,
    ) -> Result<(), PublishError> {
        let size = record.size();
        let (bytes, memory) = (size + Self::FRAMING, size + Self::OVERHEAD);
        let accepted_at = Instant::now();
        let mut state = self.lock();
        if let Err((reason, error)) = self.admit(&state, memory) {
            self.count_refused(&mut state, reason);
            return Err(error);
        }
        state.counts.accepted += 1;
        let sequence = state.next_sequence;
        state.next_sequence += 1;
        state.pending.insert(sequence, accepted_at);
        state.pending_bytes += memory;
        let before = state.waiting_bytes;
        state.waiting_bytes += bytes;
        // The relay is woken for the first and when a batch is full, not for every event.
        let wakes =
            before == 0 || (before < Self::BATCH_BYTES && state.waiting_bytes >= Self::BATCH_BYTES);
        let (event_id, user_id, username) = (event.id, event.user_id, event.username);
        let receipt = Receipt {
            sequence,
            accepted_at,
            memory,
            event_id,
            user_id,
            username,
            bytes,
        };
        state.waiting.push_back(Entry { receipt, record });
        self.metrics.accepted();
        self.metrics
            .outbox(state.pending.len(), state.pending_bytes);
        drop(state);
        if wakes {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Counts an event that could not even be put in.
    pub(crate) fn refuse(&self, reason: DropReason) {
        self.count_refused(&mut self.lock(), reason);
    }

    fn admit(&self, state: &State, memory: usize) -> Result<(), (DropReason, PublishError)> {
        let (events, bytes) = (state.pending.len(), state.pending_bytes);
        if state.task_gone {
            Err((DropReason::Closed, PublishError::Closed))
        } else if events >= self.max_events || bytes + memory > self.max_bytes {
            Err((
                DropReason::QueueFull,
                PublishError::QueueFull { events, bytes },
            ))
        } else {
            Ok(())
        }
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
                match state.waiting.front() {
                    None if state.handles_gone => return false,
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
                if state.handles_gone && state.pending.is_empty() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Takes all events that wait. They stay pending.
    pub(crate) fn take(&self) -> VecDeque<Entry> {
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
        for receipt in receipts {
            state.pending.remove(&receipt.sequence);
            state.pending_bytes -= receipt.memory;
        }
        self.metrics
            .outbox(state.pending.len(), state.pending_bytes);
    }

    /// No handle is left: no more events will come.
    pub(crate) fn close(&self) {
        self.lock().handles_gone = true;
        self.changed.notify_one();
    }

    /// The task is gone: no more events are taken.
    pub(crate) fn end(&self) {
        self.lock().task_gone = true;
    }

    pub(crate) fn accounting(&self) -> Accounting {
        let state = self.lock();
        Accounting {
            pending: state.pending.len() as u64,
            ..state.counts
        }
    }

    /// How long the oldest pending event has waited. Also sets the gauge of it.
    pub(crate) fn oldest(&self) -> Duration {
        let oldest = self
            .lock()
            .pending
            .first_key_value()
            .map(|(_, at)| at.elapsed());
        self.metrics.oldest(oldest.unwrap_or_default());
        oldest.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
