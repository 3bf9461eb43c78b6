//! The end offsets of the partitions, as last seen by the member's task.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndOffset {
    /// The next offset to read.
    pub(super) position: u64,
    /// The offset that the partition's next record will get.
    pub(super) end: u64,
    /// How many batches had been queued by then; the caller may not have received all of them.
    pub(super) batches: u64,
}

/// Shared between the task, which updates it, and the caller, who reads it.
#[derive(Debug, Clone, Default)]
pub(super) struct EndOffsets(Arc<Mutex<HashMap<u32, EndOffset>>>);

impl EndOffsets {
    pub(super) fn set(&self, partition: u32, end_offset: EndOffset) {
        self.lock().insert(partition, end_offset);
    }

    pub(super) fn get(&self, partition: u32) -> Option<EndOffset> {
        self.lock().get(&partition).copied()
    }

    /// Forgets all other partitions: they belong to another member, or did until now.
    pub(super) fn keep(&self, partitions: &[u32]) {
        self.lock().retain(|own, _| partitions.contains(own));
    }

    pub(super) fn forget(&self, partition: u32) {
        self.lock().remove(&partition);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, EndOffset>> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
