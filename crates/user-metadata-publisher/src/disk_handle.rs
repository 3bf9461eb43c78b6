use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::outbox::Outbox;
use crate::spool::Closing;
use crate::state::State;

/// Stops the disk's thread and waits for it when dropped.
pub(crate) struct DiskHandle(Arc<Outbox>);

impl DiskHandle {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self(outbox)
    }
}

impl Drop for DiskHandle {
    fn drop(&mut self) {
        /// A disk that hangs must not keep the process from ending.
        const PATIENCE: Duration = Duration::from_secs(5);
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.0.lock();
        if state.spool.closing == Closing::No {
            state.spool.closing = Closing::Asked;
        }
        self.0.disk_work.notify_all();
        while state.spool.closing != Closing::Done {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = wait(&self.0, state, Some(left));
        }
    }
}

/// Waits until the disk's thread is notified, at most for `limit`.
pub(crate) fn wait<'a>(
    outbox: &'a Outbox,
    state: MutexGuard<'a, State>,
    limit: Option<Duration>,
) -> MutexGuard<'a, State> {
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
