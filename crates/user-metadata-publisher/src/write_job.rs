use user_metadata_events::EncodedEvent;

use crate::receipt::Sizes;

/// An event that is to be written to the disk.
pub(crate) struct Unwritten {
    /// Set if the event is in memory, too.
    pub(crate) sequence: Option<u64>,
    pub(crate) event: EncodedEvent,
    pub(crate) sizes: Sizes,
}

/// What the disk's thread is to write.
#[derive(Default)]
pub(crate) struct WriteJob {
    pub(crate) events: Vec<Unwritten>,
    /// Batches to be removed, with their sizes in bytes.
    pub(crate) done: Vec<(u64, u64)>,
}

impl WriteJob {
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.done.is_empty()
    }
}
