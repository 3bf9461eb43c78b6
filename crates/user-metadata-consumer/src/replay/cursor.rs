use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use user_metadata_events::{Record, UnixMillis, UserMetadataEvent};

use super::progress::SharedTrack;
use super::progress::lock;
use crate::BoxError;
use crate::pipeline::{Fetched, PartitionOffsets};

/// What one sink is to get of a topic, and how far reading is.
pub(crate) struct ReplayCursor {
    /// Per partition what is still to be read.
    ahead: BTreeMap<u32, Range<u64>>,
    wanted: Wanted,
    progress: SharedTrack,
}

/// Which records between two offsets a sink gets.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// What happened in this time.
    Events {
        from: Option<UnixMillis>,
        until: Option<UnixMillis>,
    },
    /// The dead letters of this sink.
    LettersOf(Arc<str>),
    /// Everything as it lies there.
    All,
}

impl ReplayCursor {
    pub(crate) fn new(
        ranges: BTreeMap<u32, Range<u64>>,
        wanted: Wanted,
        progress: SharedTrack,
    ) -> Self {
        lock(&progress).begin(&ranges);
        Self {
            ahead: ranges,
            wanted,
            progress,
        }
    }

    /// Where to start reading, and which partitions.
    pub(crate) fn starts(&self) -> Vec<(u32, u64)> {
        let ahead = self.ahead.iter().filter(|(_, range)| !range.is_empty());
        ahead
            .map(|(partition, range)| (*partition, range.start))
            .collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.ahead.values().all(Range::is_empty)
    }

    /// Takes what was read: the records as the sink gets them. What it does not get has no value
    /// left, so that it is skipped, and committed past.
    pub(crate) fn take(&mut self, records: Vec<Fetched>) -> Vec<Fetched> {
        let mut taken = Vec::with_capacity(records.len());
        for mut fetched in records {
            let Some(range) = self.ahead.get_mut(&fetched.partition) else {
                continue;
            };
            if range.contains(&fetched.offset) {
                range.start = fetched.offset + 1;
                if !self.wanted.pick(&mut fetched.record) {
                    fetched.record.value = None;
                }
                lock(&self.progress).read(fetched.partition, fetched.offset + 1);
                taken.push(fetched);
            } else if fetched.offset >= range.end {
                // What lay between is no longer there.
                range.start = range.end;
            }
        }
        taken
    }

    /// Notes that nothing lies before `next` that was not taken.
    pub(crate) fn skip_to(&mut self, partition: u32, next: u64) {
        if let Some(range) = self.ahead.get_mut(&partition) {
            range.start = range.start.max(next.min(range.end));
        }
    }

    /// Notes that everything before these offsets is stored.
    pub(crate) fn settled(&self, positions: &[(u32, u64)]) {
        lock(&self.progress).settled(positions);
    }

    /// Notes the end, and whether the last positions could be `kept`: what was not a record counts
    /// as dealt with, too.
    pub(crate) fn finish(&self, kept: Result<(), BoxError>) {
        if let Err(error) = kept {
            tracing::warn!(
                error,
                "the last positions are not committed; their records will be read again"
            );
        }
        if self.is_done() {
            lock(&self.progress).finish();
        }
    }

    pub(crate) fn offsets(&self) -> Vec<PartitionOffsets> {
        lock(&self.progress).offsets()
    }
}

impl Wanted {
    /// Whether the sink gets the record, which is put back as it was before it died.
    fn pick(&self, record: &mut Record) -> bool {
        match self {
            Self::All => true,
            Self::Events { from, until } => {
                from.is_none_or(|from| from <= record.timestamp)
                    && until.is_none_or(|until| record.timestamp < until)
            }
            Self::LettersOf(sink) => {
                let is_its = record.header("dlq_sink") == Some(sink.as_bytes());
                record.headers.retain(|(name, _)| !name.starts_with("dlq_"));
                // A letter has the time of its death.
                if let Ok(event) = UserMetadataEvent::decode(record.value.as_deref()) {
                    record.timestamp = event.timestamp;
                }
                is_its
            }
        }
    }
}
