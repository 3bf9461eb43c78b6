use std::collections::BTreeMap;
use std::sync::Arc;

use user_metadata_events::{DecodeError, UnixMillis, UserMetadataEvent};

use super::dead_letter::{DeadLetter, LetterCause};
use super::source::Fetched;
use crate::{Delivery, Position, Rejection};

/// Records that are settled and committed together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The events, for the sink.
    pub(crate) deliveries: Vec<Delivery>,
    /// Records that are not events, and events that the sink has rejected.
    pub(crate) letters: Vec<DeadLetter>,
    records: usize,
    spans: BTreeMap<u32, Span>,
}

/// The records of one partition in a batch, of any kind.
#[derive(Debug, Clone, Copy)]
struct Span {
    next_offset: u64,
    oldest: UnixMillis,
    last: UnixMillis,
    records: usize,
    tombstones: u64,
}

/// The sink rejects an event that it was not given.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sink rejects event {index} of a batch of {events}; this is a bug in the sink")]
pub(crate) struct UnknownIndex {
    index: usize,
    events: usize,
}

impl Batch {
    /// Decodes a record and adds it to the deliveries, the letters or the tombstones.
    pub(crate) fn add(&mut self, topic: &Arc<str>, fetched: Fetched) {
        let Fetched {
            partition,
            offset,
            record,
            replayed_from,
        } = fetched;
        self.records += 1;
        let time = record.timestamp;
        let span = self.spans.entry(partition).or_insert(Span {
            next_offset: 0,
            oldest: time,
            last: time,
            records: 0,
            tombstones: 0,
        });
        span.next_offset = offset + 1;
        span.oldest = span.oldest.min(time);
        span.last = time;
        span.records += 1;
        let position = Position {
            topic: Arc::clone(topic),
            partition,
            offset,
        };
        match UserMetadataEvent::decode(record.value.as_deref()) {
            Ok(event) => {
                let mut delivery = Delivery::new(event, record, position);
                delivery.replayed_from = replayed_from;
                self.deliveries.push(delivery);
            }
            Err(DecodeError::Tombstone) => span.tombstones += 1,
            Err(error) => self.letters.push(DeadLetter {
                record,
                position,
                cause: LetterCause::Undecodable,
                reason: error.to_string(),
            }),
        }
    }

    /// Empties the batch and keeps its memory for the next.
    pub(crate) fn clear(&mut self) {
        self.deliveries.clear();
        self.letters.clear();
        self.spans.clear();
        self.records = 0;
    }

    /// The number of records, of any kind.
    pub(crate) const fn records(&self) -> usize {
        self.records
    }

    /// The number of records without a value: nothing to store, nothing wrong.
    pub(crate) fn tombstones(&self) -> u64 {
        self.spans.values().map(|span| span.tombstones).sum()
    }

    /// Per partition, the offset after the last record.
    pub(crate) fn next_offsets(&self) -> Vec<(u32, u64)> {
        let spans = self.spans.iter();
        spans
            .map(|(partition, span)| (*partition, span.next_offset))
            .collect()
    }

    /// Per partition, the time of the oldest record.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = (u32, UnixMillis)> {
        self.spans
            .iter()
            .map(|(partition, span)| (*partition, span.oldest))
    }

    /// Per partition, the offset after the last record, and the time of that record.
    pub(crate) fn last(&self) -> impl Iterator<Item = (u32, u64, UnixMillis)> {
        let spans = self.spans.iter();
        spans.map(|(partition, span)| (*partition, span.next_offset, span.last))
    }

    /// Drops what belongs to other partitions: another member reads it again.
    pub(crate) fn keep(&mut self, partitions: &[u32]) {
        if self.spans.keys().all(|own| partitions.contains(own)) {
            return;
        }
        let kept = |position: &Position| partitions.contains(&position.partition);
        self.deliveries.retain(|delivery| kept(&delivery.position));
        self.letters.retain(|letter| kept(&letter.position));
        self.spans
            .retain(|partition, _| partitions.contains(partition));
        self.records = self.spans.values().map(|span| span.records).sum();
    }

    /// Turns the events that the sink rejects into dead letters; the others are stored.
    pub(crate) fn reject(&mut self, rejections: Vec<Rejection>) -> Result<(), UnknownIndex> {
        let events = self.deliveries.len();
        let mut reasons: BTreeMap<usize, String> = rejections
            .into_iter()
            .map(|rejection| (rejection.index, rejection.reason))
            .collect();
        match reasons.last_key_value() {
            None => return Ok(()),
            Some((&index, _)) if index >= events => return Err(UnknownIndex { index, events }),
            Some(_) => {}
        }
        for (index, delivery) in std::mem::take(&mut self.deliveries).into_iter().enumerate() {
            match reasons.remove(&index) {
                None => self.deliveries.push(delivery),
                Some(reason) => self.letters.push(DeadLetter {
                    record: delivery.record,
                    position: delivery.position,
                    cause: LetterCause::Rejected,
                    reason,
                }),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_records_do_not_count() {
        let topic = Arc::from("topic");
        let mut batch = Batch::default();
        for partition in [0, 0, 1] {
            let record = user_metadata_events::Record {
                key: None,
                value: None,
                headers: Vec::new(),
                timestamp: UnixMillis::EPOCH,
            };
            let fetched = Fetched {
                partition,
                offset: 0,
                record,
                replayed_from: None,
            };
            batch.add(&topic, fetched);
        }
        assert_eq!((batch.records(), batch.tombstones()), (3, 3));
        batch.keep(&[1]);
        assert_eq!((batch.records(), batch.tombstones()), (1, 1));
    }
}
