//! An outbox whose file is deleted while it is in use.

use std::time::{Duration, Instant};

use tracing::warn;

use super::DiskThread;
use crate::spool::Disk;
use crate::transport::{Reason, in_words};

impl DiskThread {
    /// How often the thread checks that the file is still there.
    pub(super) const LOOK: Duration = Duration::from_secs(1);

    /// Checks that the file is still at its path, and creates it again if it is not: what was in it
    /// can be read as long as it is open. Returns whether it is there again.
    pub(super) fn look(&mut self) -> bool {
        self.look_at = Instant::now() + Self::LOOK;
        let Some(queue) = &mut self.queue else {
            return false;
        };
        if queue.is_in_place() {
            let was_gone = self.outbox.lock().spool.disk == Disk::Gone;
            if was_gone {
                self.is_back();
            }
            return was_gone;
        }
        self.outbox.lock().spool.disk = Disk::Gone;
        match queue.put_back() {
            Ok(()) => {
                warn!("the file of the outbox was gone; it was created again with all it held");
                self.is_back();
                true
            }
            Err(error) => {
                let summary = "the file of the outbox is gone".to_owned();
                self.failed(&Reason {
                    detail: format!("{summary}: {}", in_words(&error)),
                    summary,
                    is_refusal: false,
                });
                false
            }
        }
    }

    fn is_back(&self) {
        self.outbox.lock().spool.disk = Disk::Up;
        self.works();
    }
}
