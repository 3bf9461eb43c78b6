use std::collections::VecDeque;
use std::sync::Arc;

use user_metadata_events::EncodedEvent;

use crate::receipt::Receipt;

/// The events for one partition, in order. One batch of them is in flight at a time.
#[derive(Default)]
pub(crate) struct PartitionQueue {
    pub(crate) waiting: VecDeque<QueuedEvent>,
    pub(crate) busy: bool,
}

/// An event that waits or is in flight, with its receipt.
pub(crate) struct QueuedEvent {
    pub(crate) receipt: Receipt,
    pub(crate) event: EncodedEvent,
}

impl QueuedEvent {
    /// What decides the partition.
    pub(crate) fn key(&self) -> &[u8] {
        self.event.key()
    }
}

/// Events that are sent together.
pub(crate) struct Batch {
    pub(crate) partition: u32,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) events: Arc<Vec<EncodedEvent>>,
    /// How often it has failed so far.
    pub(crate) failures: u32,
}

impl PartitionQueue {
    /// Takes the next batch of up to `max_bytes`, or one larger event.
    pub(crate) fn next_batch(&mut self, partition: u32, max_bytes: usize) -> Option<Batch> {
        let mut bytes = 0;
        let fitting = self.waiting.iter().take_while(|event| {
            bytes += event.receipt.sizes.batch();
            bytes <= max_bytes
        });
        let count = fitting.count().max(1).min(self.waiting.len());
        let (receipts, events): (Vec<_>, Vec<_>) = self
            .waiting
            .drain(..count)
            .map(|queued| (queued.receipt, queued.event))
            .unzip();
        let events = Arc::new(events);
        (count > 0).then_some(Batch {
            partition,
            receipts,
            events,
            failures: 0,
        })
    }

    /// Puts `events` before all others.
    pub(crate) fn put_back(&mut self, events: Vec<QueuedEvent>) {
        for event in events.into_iter().rev() {
            self.waiting.push_front(event);
        }
    }
}

impl Batch {
    pub(crate) fn bytes(&self) -> usize {
        self.receipts
            .iter()
            .map(|receipt| receipt.sizes.batch())
            .sum()
    }

    /// Keeps the first `count` events and returns the others.
    pub(crate) fn split_off(&mut self, count: usize) -> Vec<QueuedEvent> {
        // The transport has dropped it, so nothing is copied.
        let mut events = Arc::unwrap_or_clone(std::mem::take(&mut self.events));
        let rest = events.split_off(count);
        self.events = Arc::new(events);
        let receipts = self.receipts.split_off(count);
        receipts
            .into_iter()
            .zip(rest)
            .map(|(receipt, event)| QueuedEvent { receipt, event })
            .collect()
    }
}
