use user_metadata_events::EncodedEvent;

use crate::receipt::Sizes;

/// An event that the disk is to take.
pub(crate) struct Unwritten {
    /// Of an event that is in memory, too.
    pub(crate) sequence: Option<u64>,
    pub(crate) event: EncodedEvent,
    pub(crate) sizes: Sizes,
}

/// What the disk's thread is to write.
#[derive(Default)]
pub(crate) struct WriteJob {
    pub(crate) events: Vec<Unwritten>,
    /// Batches to be removed, with their bytes.
    pub(crate) done: Vec<(u64, u64)>,
}

impl WriteJob {
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.done.is_empty()
    }
}
