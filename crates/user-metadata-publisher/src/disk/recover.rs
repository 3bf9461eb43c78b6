//! Taking over what an earlier process has left.

use tracing::{error, info, warn};
use user_metadata_log::{Damage, DiskQueue, Recovery};

use super::DiskThread;
use crate::spool::Disk;

impl DiskThread {
    /// Reports what an earlier process left, and makes it pending.
    pub(super) fn recover(&mut self, queue: DiskQueue, found: Recovery) {
        let Recovery {
            contents,
            damage,
            is_log_torn,
            ..
        } = found;
        if is_log_torn {
            warn!(
                "the end of the outbox's write-ahead log is torn; events of the last moments may \
                 be missing"
            );
        }
        if let Some(damage) = damage {
            report(&damage);
        }
        let mut state = self.outbox.lock();
        state.counts.recovered += contents.records;
        state.spool.found(contents.records, contents.bytes);
        state.spool.disk = Disk::Up;
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
}

/// Says what was damaged; a number that is not known is left out.
fn report(damage: &Damage) {
    let is_all = damage.missing_batches.is_none();
    error!(
        what = damage.what,
        kept_as = %damage.kept_as.display(),
        events_read = damage.read,
        events_lost = is_all.then_some(damage.lost),
        events_lost_at_least = (!is_all && damage.lost > 0).then_some(damage.lost),
        batches_missing = damage.missing_batches.filter(|batches| *batches > 0),
        "the outbox was damaged; it is set aside, and what can be read of it is delivered",
    );
}
