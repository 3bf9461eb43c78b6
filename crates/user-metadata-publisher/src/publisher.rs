use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use user_metadata_events::{EncodeError, UserMetadataEvent};

use crate::disk_handle::DiskHandle;
use crate::health::Health;
use crate::outbox::Outbox;
use crate::relay::Relay;
use crate::spool::Spool;
use crate::transport::Transport;
use crate::watch::Watch;
use crate::{Accounting, DropReason, PublishError, PublisherOptions, PublisherStatus};
#[cfg(feature = "disk")]
use crate::{disk::DiskThread, disk_outbox::DiskOutbox};
#[cfg(feature = "disk")]
use user_metadata_log::OpenError;

/// Takes events and returns at once; its [`PublisherTask`] delivers them. Cheap to clone.
#[derive(Clone)]
pub struct Publisher(Arc<Handle>);

/// What all clones share; dropped with the last of them.
struct Handle(PublisherMonitor);

impl Publisher {
    /// Makes a publisher with its outbox in memory, and its task, which the caller spawns.
    pub(crate) fn new<T: Transport>(
        transport: T,
        options: PublisherOptions,
    ) -> (Self, PublisherTask) {
        let outbox = Arc::new(Outbox::new(options, Spool::default()));
        Self::assemble(transport, outbox, Arc::default(), None)
    }

    /// As [`new`](Self::new), with its outbox on disk.
    #[cfg(feature = "disk")]
    pub(crate) fn on_disk<T: Transport>(
        transport: T,
        options: PublisherOptions,
        disk: DiskOutbox,
    ) -> Result<(Self, PublisherTask), OpenError> {
        let opened = disk.open()?;
        let outbox = Arc::new(Outbox::new(options, Spool::of(&disk)));
        let health = Arc::default();
        let thread = DiskThread::start(&outbox, &health, disk, opened);
        Ok(Self::assemble(transport, outbox, health, Some(thread)))
    }

    fn assemble<T: Transport>(
        transport: T,
        outbox: Arc<Outbox>,
        health: Arc<Health>,
        disk: Option<DiskHandle>,
    ) -> (Self, PublisherTask) {
        let relay = Relay::new(transport, Arc::clone(&outbox), Arc::clone(&health));
        let watch = Watch::new(Arc::clone(&outbox), Arc::clone(&health), disk);
        let task = PublisherTask::new(relay, watch, Arc::clone(&outbox));
        let handle = Handle(PublisherMonitor { outbox, health });
        (Self(Arc::new(handle)), task)
    }

    /// Queues `event` and returns at once, without waiting for anything. `traceparent` is the trace
    /// context of the upgrade, if it carried one.
    ///
    /// # Errors
    ///
    /// [`PublishError`]: the event is lost, and counted.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whether the event is stored as it is may change without a change for callers"
    )]
    pub fn publish(
        &self,
        event: UserMetadataEvent,
        traceparent: Option<&str>,
    ) -> Result<(), PublishError> {
        let outbox = &self.0.0.outbox;
        match event.to_encoded(traceparent) {
            Ok(record) => outbox.push(record),
            Err(error) => {
                outbox.refuse(match error {
                    EncodeError::TooLarge { .. } => DropReason::TooLarge,
                    _ => DropReason::Rejected,
                });
                Err(error.into())
            }
        }
    }

    /// Returns what became of all events so far.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        self.0.0.accounting()
    }

    /// Returns whether events get through.
    #[must_use]
    pub fn status(&self) -> PublisherStatus {
        self.0.0.status()
    }

    /// Returns a monitor of this publisher, which does not keep its task running.
    #[must_use]
    pub fn monitor(&self) -> PublisherMonitor {
        self.0.0.clone()
    }
}

/// Observes a [`Publisher`], also after the last handle is dropped and while its task still
/// delivers what waits. Cheap to clone.
#[derive(Clone)]
pub struct PublisherMonitor {
    outbox: Arc<Outbox>,
    health: Arc<Health>,
}

impl PublisherMonitor {
    /// Returns what became of all events so far.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        self.outbox.accounting()
    }

    /// Returns whether events get through.
    #[must_use]
    pub fn status(&self) -> PublisherStatus {
        self.health.status()
    }

    /// Returns how many of the pending events are on disk, so that they survive the end of this
    /// process.
    #[must_use]
    pub fn pending_on_disk(&self) -> u64 {
        self.outbox.pending_on_disk()
    }
}

impl fmt::Debug for PublisherMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherMonitor")
            .field("status", &self.status())
            .field("accounting", &self.accounting())
            .finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.outbox.close();
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Publisher").field(&self.0.0).finish()
    }
}

/// Delivers what its [`Publisher`]s accept. Spawn [`run`](Self::run).
#[must_use = "nothing is delivered until `run` is polled"]
pub struct PublisherTask {
    run: BoxFuture<'static, Accounting>,
}

impl PublisherTask {
    fn new<T: Transport>(relay: Relay<T>, mut watch: Watch, outbox: Arc<Outbox>) -> Self {
        // The watch is made before the first poll, so that it also reports a task that never ran.
        let run = async move {
            tokio::select! {
                () = relay.run() => {}
                () = watch.run() => {}
            }
            watch.flush().await;
            drop(watch);
            outbox.accounting()
        };
        Self { run: Box::pin(run) }
    }

    /// Runs until every [`Publisher`] is dropped and every event is delivered or lost; returns the
    /// final account. Bound it with a timeout: while the topic is away it does not end. When it is
    /// dropped early, what was not acknowledged stays counted as pending.
    pub async fn run(self) -> Accounting {
        self.run.await
    }
}

impl fmt::Debug for PublisherTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherTask").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "disk")]
mod disk_tests;
#[cfg(test)]
#[cfg(feature = "disk")]
mod file_tests;
#[cfg(test)]
mod tests;
