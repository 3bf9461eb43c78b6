//! How far the partitions go, as the member's task last saw it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndOffset {
    /// The next offset that is read.
    pub(super) position: u64,
    /// The offset that the partition's next record will get.
    pub(super) end: u64,
    /// How many batches had been handed out by then, to a caller that may not have taken them.
    pub(super) batches: u64,
}

/// Shared between the task, which looks, and the caller, who asks.
#[derive(Debug, Clone, Default)]
pub(super) struct EndOffsets(Arc<Mutex<HashMap<u32, EndOffset>>>);

impl EndOffsets {
    pub(super) fn set(&self, partition: u32, end_offset: EndOffset) {
        self.lock().insert(partition, end_offset);
    }

    pub(super) fn get(&self, partition: u32) -> Option<EndOffset> {
        self.lock().get(&partition).copied()
    }

    /// Forgets all others: they are another member's, or were until now.
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
