use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, info};
use user_metadata_log::{AppendError, DiskQueue, EncodedBatch, Found, QueueReadError, QueuedBatch};

use crate::DropReason;
use crate::disk_outbox::{DiskOutbox, OpenedDisk};
use crate::encode::{event, kept};
use crate::health::Health;
use crate::outbox::{Outbox, State};
use crate::receipt::{Sizes, accepted_at};
use crate::spool::Load;
use crate::transport::{Reason, in_words};

/// The thread that writes the outbox to its disk and reads back what memory does not hold.
pub(crate) struct DiskThread {
    outbox: Arc<Outbox>,
    health: Arc<Health>,
    options: DiskOutbox,
    queue: Option<DiskQueue>,
    /// After a read comes a write, if there is one to do.
    has_read: bool,
    /// After a read that has failed.
    reads_again_at: Option<Instant>,
}

enum Work {
    Open,
    Write(Load),
    Read { after: u64 },
    End,
}

/// Ends the thread, and waits for it, when it is dropped.
pub(crate) struct DiskHandle(Arc<Outbox>);

impl DiskThread {
    /// How often a disk that refuses is tried again.
    const RETRY: Duration = Duration::from_secs(1);

    /// Starts the thread; what the file holds is pending before this returns.
    pub(crate) fn start(
        outbox: &Arc<Outbox>,
        health: &Arc<Health>,
        options: DiskOutbox,
        opened: OpenedDisk,
    ) -> DiskHandle {
        let mut thread = Self {
            outbox: Arc::clone(outbox),
            health: Arc::clone(health),
            options,
            queue: None,
            has_read: false,
            reads_again_at: None,
        };
        match opened {
            OpenedDisk::Queue(queue, found) => thread.recover(queue, found),
            OpenedDisk::Refused(error) => thread.failed(&Reason::from(&error as &dyn Error)),
        }
        let handle = DiskHandle(Arc::clone(outbox));
        let spawned = thread::Builder::new()
            .name("user-metadata-outbox".to_owned())
            .spawn(move || thread.run());
        if let Err(error) = spawned {
            health.disk_refuses(&Reason::new(error.to_string()));
            if let Some(spool) = &mut outbox.lock().spool {
                (spool.is_up, spool.is_closed) = (false, true);
            }
        }
        handle
    }

    /// Says what an earlier process has left, and makes it pending.
    fn recover(&mut self, queue: DiskQueue, found: Found) {
        let Found {
            contents, damage, ..
        } = found;
        if let Some(damage) = damage {
            error!(
                what = damage.what,
                kept_as = %damage.kept_as.display(),
                events_read = damage.read,
                events_lost = damage.lost,
                "the outbox was damaged; it is set aside, and what can be read of it is delivered",
            );
        }
        let mut state = self.outbox.lock();
        state.counts.recovered += contents.records;
        if let Some(spool) = &mut state.spool {
            spool.found(contents.records, contents.bytes);
            spool.is_up = true;
        }
        self.outbox.metrics.recovered(contents.records);
        self.outbox.show(&state);
        drop(state);
        if contents.records > 0 {
            let events = contents.records;
            info!(
                events,
                "delivering {events} events that an earlier run had left in the outbox"
            );
        }
        self.queue = Some(queue);
    }

    fn run(mut self) {
        loop {
            match self.next_work() {
                Work::Open => self.open(),
                Work::Write(load) => self.write(load),
                Work::Read { after } => self.read(after),
                Work::End => break,
            }
        }
        // Closing moves the write-ahead log into the file, and lets another process take it.
        self.queue = None;
        if let Some(spool) = &mut self.outbox.lock().spool {
            spool.is_closed = true;
        }
        self.outbox.disk_work.notify_all();
    }

    /// Waits until there is something to do.
    fn next_work(&mut self) -> Work {
        let mut state = self.outbox.lock();
        let retry = Instant::now() + Self::RETRY;
        loop {
            let may_read = self.outbox.has_room_to_read(&state);
            let State { spool, .. } = &mut *state;
            let Some(spool) = spool else {
                return Work::End;
            };
            let now = Instant::now();
            let due = if spool.is_up {
                spool.due(now)
            } else {
                Some(retry)
            };
            let is_due = due.is_some_and(|due| due <= now) || spool.is_closing;
            // Also while the disk is full: reading is what makes room.
            let wants_read = !spool.is_closing && may_read && spool.events_behind() > 0;
            let reads = wants_read && self.reads_again_at.is_none_or(|at| at <= now);
            if reads && !(self.has_read && is_due) {
                self.reads_again_at = None;
                self.has_read = true;
                let after = spool.read_after();
                return Work::Read { after };
            }
            if is_due && self.queue.is_none() && !spool.is_closing {
                return Work::Open;
            }
            let has_work = spool.due(now).is_some() || !spool.is_up;
            if is_due && has_work && self.queue.is_some() {
                self.has_read = false;
                let mut taken = std::mem::take(spool);
                let load = taken.take(|sequence| state.is_pending(sequence));
                state.spool = Some(taken);
                return Work::Write(load);
            }
            if spool.is_closing {
                return Work::End;
            }
            let reads_again_at = self.reads_again_at.filter(|_| wants_read);
            let next = [due, reads_again_at].into_iter().flatten().min();
            state = wait(&self.outbox, state, next.map(|next| next - now));
        }
    }

    /// Tries a file again that could not be opened at the start.
    fn open(&mut self) {
        match self.options.open() {
            Ok(OpenedDisk::Queue(queue, found)) => {
                self.recover(queue, found);
                self.works();
            }
            Ok(OpenedDisk::Refused(error)) | Err(error) => {
                self.failed(&Reason::from(&error as &dyn Error));
            }
        }
    }

    fn write(&mut self, load: Load) {
        let Some(queue) = &mut self.queue else {
            return;
        };
        let records = load.events.iter().map(|event| &event.record);
        let batch = kept(records, &self.outbox.source);
        let done: Vec<u64> = load.done.iter().map(|(row, _)| *row).collect();
        match queue.write(&batch, &done) {
            Ok(row) => self.written(&load, &batch, row),
            Err(error) => {
                let reason = match &error {
                    AppendError::DiskFull(_) => Reason::new("the disk of the outbox is full"),
                    error => Reason::from(error as &dyn Error),
                };
                let mut state = self.outbox.lock();
                if let Some(spool) = &mut state.spool {
                    spool.put_back(load);
                    if spool.is_closing {
                        // It was the last attempt.
                        self.queue = None;
                    }
                }
                drop(state);
                self.failed(&reason);
            }
        }
    }

    fn written(&self, load: &Load, batch: &EncodedBatch, row: u64) {
        let mut state = self.outbox.lock();
        let left = state.place(&load.events, row);
        if let Some(spool) = &mut state.spool {
            spool.written(load, row, batch.bytes() as u64, left);
            spool.is_up = true;
        }
        self.outbox.show(&state);
        drop(state);
        // Writing nothing proves nothing.
        if !load.events.is_empty() || !load.done.is_empty() {
            self.works();
        }
    }

    /// Reads the next batch into memory.
    fn read(&mut self, after: u64) {
        let Some(queue) = &self.queue else {
            return;
        };
        match queue.next(after) {
            Ok(Some(batch)) => self.put_into_memory(batch),
            Ok(None) => self.lose(after, u64::MAX, "they are gone from the file"),
            Err(ref error @ QueueReadError::Corrupt { id, records }) => {
                self.lose(id, records, &in_words(error));
            }
            Err(error) => {
                self.reads_again_at = Some(Instant::now() + Self::RETRY);
                self.failed(&Reason::from(&error as &dyn Error));
            }
        }
    }

    fn put_into_memory(&self, batch: QueuedBatch) {
        let QueuedBatch { id: row, records } = batch;
        let (events, bytes) = (records.records(), records.bytes() as u64);
        // Outside the lock: it takes its time.
        let parcels: Vec<_> = records.iter().filter_map(event).collect();
        let left = parcels.len() as u64;
        let mut state = self.outbox.lock();
        for record in parcels {
            let sizes = Sizes::of(&record, &self.outbox.source);
            let at = accepted_at(record.timestamp());
            state.insert(record, sizes, at, row);
        }
        if let Some(spool) = &mut state.spool {
            spool.read(row, events, left, bytes);
        }
        // What is intact and no event was never put there by a publisher.
        state
            .counts
            .dropped
            .add(DropReason::Unreadable, events - left);
        self.outbox
            .metrics
            .dropped(DropReason::Unreadable, events - left);
        self.outbox.show(&state);
        drop(state);
        self.outbox.changed.notify_one();
    }

    /// Counts events that can't be read any more.
    fn lose(&self, row: u64, events: u64, why: &str) {
        let mut state = self.outbox.lock();
        let lost = state
            .spool
            .as_mut()
            .map_or(0, |spool| spool.unreadable(row, events));
        state.counts.dropped.add(DropReason::Unreadable, lost);
        self.outbox.metrics.dropped(DropReason::Unreadable, lost);
        self.outbox.show(&state);
        drop(state);
        error!(events = lost, why, "events in the outbox can't be read");
        self.outbox.changed.notify_one();
    }

    fn works(&self) {
        self.outbox.metrics.degraded(false);
        self.health.disk_works();
    }

    /// The disk refuses: what comes stays in memory.
    fn failed(&self, reason: &Reason) {
        let mut state = self.outbox.lock();
        if let Some(mut spool) = state.spool.take() {
            spool.is_up = false;
            spool.take_overflow(|event| {
                let at = accepted_at(event.record.timestamp());
                state.insert(event.record.clone(), event.sizes, at, 0)
            });
            state.spool = Some(spool);
        }
        drop(state);
        self.outbox.metrics.degraded(true);
        self.health.disk_refuses(reason);
        self.outbox.changed.notify_one();
    }
}

fn wait<'a>(
    outbox: &'a Outbox,
    state: std::sync::MutexGuard<'a, State>,
    limit: Option<Duration>,
) -> std::sync::MutexGuard<'a, State> {
    use std::sync::PoisonError;
    match limit {
        None => outbox
            .disk_work
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner),
        Some(limit) => {
            let waited = outbox.disk_work.wait_timeout(state, limit);
            waited.unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

impl Drop for DiskHandle {
    fn drop(&mut self) {
        /// A disk that hangs does not hang the end of the process.
        const PATIENCE: Duration = Duration::from_secs(5);
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.0.lock();
        if let Some(spool) = &mut state.spool {
            spool.is_closing = true;
        }
        self.0.disk_work.notify_all();
        let is_open = |state: &State| state.spool.as_ref().is_some_and(|spool| !spool.is_closed);
        while is_open(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = wait(&self.0, state, Some(left));
        }
    }
}
