use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{error, warn};

use crate::disk_handle::DiskHandle;
use crate::health::{Health, Trouble};
use crate::losses::Losses;
use crate::outbox::Outbox;
use crate::transport::Reason;
use crate::{Accounting, DropReason, Dropped};

/// Checks the outbox every second for what no single delivery can tell: that events have waited for
/// long, and that some are lost. When it is dropped, the task is gone.
pub(crate) struct Watch {
    outbox: Arc<Outbox>,
    health: Arc<Health>,
    losses: Losses,
    refused: u64,
    /// The oldest pending event's sequence number, and since when it is the oldest.
    oldest: Option<(u64, Instant)>,
    /// Dropped before the last counts are read, as it writes what is left to the disk.
    disk: Option<DiskHandle>,
}

impl Watch {
    const EVERY: Duration = Duration::from_secs(1);

    /// A broker that is frozen answers nothing until the request's deadline; this is sooner.
    const STALLED: Duration = Duration::from_secs(5);

    /// A write takes a millisecond; behind a sync of a busy disk, a hundred.
    const HUNG: Duration = Duration::from_secs(1);

    pub(crate) fn new(outbox: Arc<Outbox>, health: Arc<Health>, disk: Option<DiskHandle>) -> Self {
        Self {
            outbox,
            health,
            losses: Losses::default(),
            refused: 0,
            oldest: None,
            disk,
        }
    }

    /// Watches until it is dropped.
    pub(crate) async fn run(&mut self) {
        let mut ticks = interval(Self::EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look();
        }
    }

    /// Writes what is left to the disk, which may block, so that no other task has to wait for it.
    pub(crate) async fn flush(&mut self) {
        if let Some(disk) = self.disk.take() {
            self.outbox.end();
            // An error means that the runtime ends, which drops it, too.
            drop(spawn_blocking(|| drop(disk)).await);
        }
    }

    fn look(&mut self) {
        let accounting = self.outbox.accounting();
        let stalled = self.stalled();
        self.note(Trouble::Stalled, stalled, accounting.pending);

        let refused = accounting.dropped.get(DropReason::QueueFull);
        let is_full = std::mem::replace(&mut self.refused, refused) != refused;
        let full = is_full.then(|| "the outbox is full, new events are lost".to_owned());
        self.note(Trouble::Full, full, accounting.pending);
        self.look_at_disk();
        self.health.look();

        if let Some(lost) = self.losses.observe(accounting.dropped) {
            report(&lost);
        }
    }

    /// A backlog has old events, too, but never the same one for long while it is delivered.
    fn stalled(&mut self) -> Option<String> {
        let oldest = self.outbox.oldest();
        self.oldest = oldest.map(|(sequence, _)| match self.oldest {
            Some((known, since)) if known == sequence => (known, since),
            _ => (sequence, Instant::now()),
        });
        let (_, age) = oldest?;
        let (_, since) = self.oldest?;
        (since.elapsed() >= Self::STALLED)
            .then(|| format!("the oldest event has waited for {} s", age.as_secs()))
    }

    /// A write that hangs returns no error, and yet nothing reaches the disk.
    fn look_at_disk(&self) {
        // Reported under the lock, so that the end of the write, which revokes it, comes later.
        let state = self.outbox.lock();
        let since = state.spool.writing_since;
        if since.is_some_and(|since| since.elapsed() >= Self::HUNG) {
            self.outbox.metrics.degraded(true);
            let reason = "the disk of the outbox does not answer";
            self.health.disk_refuses(&Reason::new(reason));
        }
    }

    fn note(&self, trouble: Trouble, reason: Option<String>, pending: u64) {
        match reason {
            Some(reason) => self.health.begin(trouble, Reason::new(reason), pending),
            None => self.health.end(trouble),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.outbox.end();
        self.disk = None;
        let accounting = self.outbox.accounting();
        if let Some(lost) = self.losses.finish(accounting.dropped) {
            report(&lost);
        }
        self.account_for(&accounting);
        if !self.outbox.lock().handles_gone {
            let reason = Reason::new("the publisher has ended, new events are lost");
            self.health
                .begin(Trouble::Ended, reason, accounting.pending);
        }
    }
}

impl Watch {
    /// Logs what becomes of the events that are left.
    fn account_for(&self, accounting: &Accounting) {
        if accounting.pending == 0 {
            return self.health.finish();
        }
        let kept = self.outbox.pending_on_disk().min(accounting.pending);
        if kept > 0 {
            warn!(
                events = kept,
                "events were not delivered in time; they stay in the outbox for the next start"
            );
        }
        let events = accounting.pending - kept;
        if events > 0 {
            error!(events, "events were not delivered in time and are lost");
        }
    }
}

fn report(lost: &Dropped) {
    error!(
        events = lost.total(),
        queue_full = lost.get(DropReason::QueueFull),
        too_large = lost.get(DropReason::TooLarge),
        rejected = lost.get(DropReason::Rejected),
        closed = lost.get(DropReason::Closed),
        unreadable = lost.get(DropReason::Unreadable),
        "events are lost",
    );
}
