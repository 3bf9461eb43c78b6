mod look;
mod read;
mod recover;

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use user_metadata_log::{AppendError, DiskQueue, EncodedBatch};

use crate::disk_handle::{DiskHandle, wait};
use crate::disk_outbox::{DiskOutbox, OpenedDisk};
use crate::encode::kept;
use crate::health::Health;
use crate::outbox::Outbox;
use crate::spool::{Closing, Disk};
use crate::transport::Reason;
use crate::write_job::WriteJob;

/// The thread that writes the outbox to its disk and reads back what memory does not hold.
pub(crate) struct DiskThread {
    outbox: Arc<Outbox>,
    health: Arc<Health>,
    options: DiskOutbox,
    queue: Option<DiskQueue>,
    /// When a disk that refuses is tried again.
    retry_at: Instant,
    /// When to check that the file is still there.
    look_at: Instant,
    /// After a read comes a write, if there is one to do.
    has_read: bool,
    /// After a read that has failed.
    reads_again_at: Option<Instant>,
    /// How many in a row have failed.
    failed_reads: u32,
    /// Why the file no longer has all the events that it held.
    missing: String,
}

enum Work {
    Open,
    Look,
    Write(WriteJob),
    Read { after: u64 },
    End,
}

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
            retry_at: Instant::now(),
            look_at: Instant::now() + Self::LOOK,
            has_read: false,
            reads_again_at: None,
            failed_reads: 0,
            missing: "they are gone from the file".to_owned(),
        };
        match opened {
            OpenedDisk::Queue(queue, found) => thread.recover(*queue, found),
            OpenedDisk::Refused(error) => thread.failed(&Reason::from(&error as &dyn Error)),
        }
        let handle = DiskHandle::new(Arc::clone(outbox));
        let spawned = thread::Builder::new()
            .name("user-metadata-outbox".to_owned())
            .spawn(move || thread.run());
        if let Err(error) = spawned {
            health.disk_refuses(&Reason::new(error.to_string()));
            let spool = &mut outbox.lock().spool;
            (spool.disk, spool.closing) = (Disk::Refusing, Closing::Done);
        }
        handle
    }

    fn run(mut self) {
        loop {
            match self.next_work() {
                Work::Open => self.open(),
                Work::Look => drop(self.look()),
                Work::Write(job) => self.write(job),
                Work::Read { after } => self.read(after),
                // What was not written yet is written to a file that is there again.
                Work::End if self.look() => {}
                Work::End => break,
            }
        }
        // Closing moves the write-ahead log into the file, and lets another process take it.
        self.queue = None;
        self.outbox.lock().spool.closing = Closing::Done;
        self.outbox.disk_work.notify_all();
    }

    /// Waits until there is something to do.
    fn next_work(&mut self) -> Work {
        let mut state = self.outbox.lock();
        loop {
            let may_read = self.outbox.has_room_to_read(&state);
            let spool = &state.spool;
            let now = Instant::now();
            let is_up = spool.disk == Disk::Up;
            let is_closing = spool.closing != Closing::No;
            let look_at = self.queue.is_some().then_some(self.look_at);
            if look_at.is_some_and(|at| at <= now) {
                return Work::Look;
            }
            let due = match spool.disk {
                Disk::None | Disk::Up => spool.due(now),
                Disk::Refusing => Some(self.retry_at),
                // It is written once the file is there again.
                Disk::Gone => None,
            };
            let is_due =
                due.is_some_and(|due| due <= now) || (is_closing && spool.disk != Disk::Gone);
            // Also while the disk is full: reading is what makes room.
            let wants_read = !is_closing && may_read && spool.events_on_disk_only() > 0;
            let reads = wants_read && self.reads_again_at.is_none_or(|at| at <= now);
            if reads && !(self.has_read && is_due) {
                self.reads_again_at = None;
                self.has_read = true;
                let after = spool.read_after();
                return Work::Read { after };
            }
            if is_due && self.queue.is_none() && !is_closing {
                return Work::Open;
            }
            let has_work = spool.due(now).is_some() || !is_up;
            if is_due && has_work && self.queue.is_some() {
                self.has_read = false;
                return Work::Write(state.take_job());
            }
            if is_closing {
                return Work::End;
            }
            let reads_again_at = self.reads_again_at.filter(|_| wants_read);
            let next = [due, reads_again_at, look_at].into_iter().flatten().min();
            state = wait(&self.outbox, state, next.map(|next| next - now));
        }
    }

    /// Tries again to open a file that could not be opened at the start.
    fn open(&mut self) {
        match self.options.open() {
            Ok(OpenedDisk::Queue(queue, found)) => {
                self.recover(*queue, found);
                self.works();
            }
            Ok(OpenedDisk::Refused(error)) | Err(error) => {
                self.failed(&Reason::from(&error as &dyn Error));
            }
        }
    }

    fn write(&mut self, job: WriteJob) {
        let Some(queue) = &mut self.queue else {
            return;
        };
        let events = job.events.iter().map(|unwritten| &unwritten.event);
        let batch = kept(events, &self.outbox.source);
        let done: Vec<u64> = job.done.iter().map(|(row, _)| *row).collect();
        let written = match queue.write(&batch, &done) {
            // What can't be removed stays until the next start, which sets a damaged file aside.
            Err(AppendError::Storage(error)) if error.is_damage() && !done.is_empty() => {
                queue.write(&batch, &[])
            }
            written => written,
        };
        match written {
            Ok(row) => self.written(&job, &batch, row),
            Err(error) => {
                let reason = match &error {
                    AppendError::DiskFull(_) => Reason::new("the disk of the outbox is full"),
                    error => Reason::from(error as &dyn Error),
                };
                let mut state = self.outbox.lock();
                state.spool.put_back(job);
                if state.spool.closing != Closing::No {
                    // It was the last attempt.
                    self.queue = None;
                }
                drop(state);
                self.failed(&reason);
            }
        }
    }

    fn written(&self, job: &WriteJob, batch: &EncodedBatch, row: u64) {
        let mut state = self.outbox.lock();
        let left = state.mark_written(&job.events, row);
        let bytes = batch.size_bytes() as u64;
        state.spool.written(job, row, bytes, left);
        state.spool.disk = Disk::Up;
        self.outbox.show(&state);
        drop(state);
        // A write of nothing does not show that the disk works.
        if !job.is_empty() {
            self.works();
        }
    }

    fn works(&self) {
        self.outbox.metrics.degraded(false);
        self.health.disk_works();
    }

    /// The disk refuses: new events stay in memory.
    fn failed(&mut self, reason: &Reason) {
        self.retry_at = Instant::now() + Self::RETRY;
        let mut state = self.outbox.lock();
        if state.spool.disk != Disk::Gone {
            state.spool.disk = Disk::Refusing;
        }
        state.take_overflow();
        drop(state);
        self.outbox.metrics.degraded(true);
        self.health.disk_refuses(reason);
        self.outbox.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PublisherOptions;
    use crate::spool::Spool;

    #[test]
    fn a_refused_write_is_tried_again_between_two_reads() {
        let dir = tempfile::tempdir().unwrap();
        let options = DiskOutbox::new(dir.path().join("outbox.db"));
        let OpenedDisk::Queue(queue, _) = options.open().unwrap() else {
            panic!()
        };
        let outbox = Outbox::new(PublisherOptions::default(), Spool::of(&options));
        let mut thread = DiskThread {
            outbox: Arc::new(outbox),
            health: Arc::default(),
            options,
            queue: Some(*queue),
            retry_at: Instant::now(),
            look_at: Instant::now() + 10 * DiskThread::RETRY,
            has_read: false,
            reads_again_at: None,
            failed_reads: 0,
            missing: String::new(),
        };
        thread.outbox.lock().spool.found(1_000, 1_000_000);
        thread.failed(&Reason::new("full"));
        let failed_at = Instant::now();
        while matches!(thread.next_work(), Work::Read { .. }) {
            assert!(failed_at.elapsed() < 5 * DiskThread::RETRY);
        }
        assert!(failed_at.elapsed() >= DiskThread::RETRY / 2);
        assert!(matches!(thread.next_work(), Work::Read { .. }));
    }
}
