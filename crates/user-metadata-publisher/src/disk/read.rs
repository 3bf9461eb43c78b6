//! Reading back what memory does not hold.

use std::error::Error;
use std::time::Instant;

use tracing::error;
use user_metadata_log::{QueueReadError, QueuedBatch};

use super::DiskThread;
use crate::DropReason;
use crate::encode::event;
use crate::health::Trouble;
use crate::receipt::{Sizes, accepted_at};
use crate::transport::{Reason, in_words};

impl DiskThread {
    /// How often a read is tried again before new events no longer wait for what it would bring.
    const READS: u32 = 30;

    /// Reads the next batch into memory.
    pub(super) fn read(&mut self, after: u64) {
        let Some(queue) = &self.queue else {
            return;
        };
        let batch = match queue.next(after) {
            Ok(batch) => batch,
            Err(ref error @ QueueReadError::Corrupt { id: row, .. }) => {
                self.missing = part_is_unreadable(error);
                return self.outbox.lock().spool.unreadable(row);
            }
            Err(QueueReadError::Storage(error)) if error.is_damage() => {
                self.missing = part_is_unreadable(&error);
                queue.next_readable(after)
            }
            Err(error) if self.failed_reads < Self::READS => return self.read_again(&error),
            Err(error) => {
                self.missing = in_words(&error);
                None
            }
        };
        if std::mem::take(&mut self.failed_reads) > 0 {
            self.health.end(Trouble::Disk);
        }
        match batch {
            Some(batch) => self.put_into_memory(batch),
            None => self.lose_the_rest(),
        }
    }

    fn read_again(&mut self, error: &QueueReadError) {
        self.failed_reads += 1;
        self.reads_again_at = Some(Instant::now() + Self::RETRY);
        let words = |error: &str| format!("what waits in the outbox can't be read: {error}");
        let reason = Reason {
            summary: words(&error.to_string()),
            detail: words(&in_words(error)),
            is_refusal: false,
        };
        let pending = self.outbox.accounting().pending;
        self.health.begin(Trouble::Disk, reason, pending);
    }

    fn put_into_memory(&self, batch: QueuedBatch) {
        let QueuedBatch {
            id: row, records, ..
        } = batch;
        let mut state = self.outbox.lock();
        if state.spool.holds(row) {
            return state.spool.pass_over(row);
        }
        drop(state);
        let (events, bytes) = (records.len() as u64, records.size_bytes() as u64);
        // Outside the lock, as it takes a while.
        let intact: Vec<_> = records.iter().filter_map(event).collect();
        let left = intact.len() as u64;
        let mut state = self.outbox.lock();
        for record in intact {
            let sizes = Sizes::of(&record, &self.outbox.source);
            let at = accepted_at(record.timestamp());
            state.insert(record, sizes, at, row);
        }
        state.spool.read(row, events, left, bytes);
        // An intact record that is not an event was not written by a publisher.
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

    /// Counts the events that were to be on the disk and were not found there.
    fn lose_the_rest(&self) {
        let mut state = self.outbox.lock();
        let lost = state.spool.lose_the_rest();
        state.counts.dropped.add(DropReason::Unreadable, lost);
        self.outbox.metrics.dropped(DropReason::Unreadable, lost);
        self.outbox.show(&state);
        drop(state);
        let why = &self.missing;
        error!(events = lost, why, "events in the outbox can't be read");
        self.outbox.changed.notify_one();
    }
}

/// Logs and returns the reason. How many events are lost is known only at the end of the file.
fn part_is_unreadable(error: &dyn Error) -> String {
    let why = in_words(error);
    error!(
        why,
        "part of the outbox can't be read; the rest is delivered"
    );
    why
}
