use std::collections::VecDeque;
use std::sync::Arc;

use user_metadata_events::EncodedEvent;

use crate::receipt::Receipt;

/// The events for one partition, in order. One batch of them is under way at a time.
#[derive(Default)]
pub(crate) struct Lane {
    pub(crate) waiting: VecDeque<Parcel>,
    pub(crate) busy: bool,
}

/// A record on its way, with its receipt.
pub(crate) struct Parcel {
    pub(crate) receipt: Receipt,
    pub(crate) record: EncodedEvent,
}

impl Parcel {
    /// What decides the partition.
    pub(crate) fn key(&self) -> &[u8] {
        self.record.key()
    }
}

/// Records that are sent together.
pub(crate) struct Batch {
    pub(crate) partition: u32,
    pub(crate) receipts: Vec<Receipt>,
    pub(crate) records: Arc<Vec<EncodedEvent>>,
    /// How often it has failed so far.
    pub(crate) failures: u32,
}

impl Lane {
    /// Takes the next batch of up to `max_bytes`, or one larger record.
    pub(crate) fn next_batch(&mut self, partition: u32, max_bytes: usize) -> Option<Batch> {
        let mut bytes = 0;
        let fitting = self.waiting.iter().take_while(|parcel| {
            bytes += parcel.receipt.sizes.batch();
            bytes <= max_bytes
        });
        let count = fitting.count().max(1).min(self.waiting.len());
        let (receipts, records): (Vec<_>, Vec<_>) = self
            .waiting
            .drain(..count)
            .map(|parcel| (parcel.receipt, parcel.record))
            .unzip();
        let records = Arc::new(records);
        (count > 0).then_some(Batch {
            partition,
            receipts,
            records,
            failures: 0,
        })
    }

    /// Puts `parcels` before all others.
    pub(crate) fn put_back(&mut self, parcels: Vec<Parcel>) {
        for parcel in parcels.into_iter().rev() {
            self.waiting.push_front(parcel);
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

    /// Keeps the first `count` records and returns the others.
    pub(crate) fn split_off(&mut self, count: usize) -> Vec<Parcel> {
        // The transport is done with it, so nothing is copied.
        let mut records = Arc::unwrap_or_clone(std::mem::take(&mut self.records));
        let rest = records.split_off(count);
        self.records = Arc::new(records);
        let receipts = self.receipts.split_off(count);
        receipts
            .into_iter()
            .zip(rest)
            .map(|(receipt, record)| Parcel { receipt, record })
            .collect()
    }
}
