use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use user_metadata_events::{Record, UnixMillis, UserMetadataEvent};

use super::progress::SharedTrack;
use super::progress::lock;
use crate::BoxError;
use crate::pipeline::{Fetched, PartitionOffsets};

/// Which records of a topic one sink gets, and how far they have been read.
pub(crate) struct ReplayCursor {
    /// Per partition, the offsets that are still to be read.
    ahead: BTreeMap<u32, Range<u64>>,
    /// Per partition, the offset from which on the sink gets every event.
    whole_from: BTreeMap<u32, u64>,
    wanted: Wanted,
    progress: SharedTrack,
}

/// Which records between two offsets a sink gets.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    /// Events of this period.
    Events {
        from: Option<UnixMillis>,
        until: Option<UnixMillis>,
    },
    /// The dead letters of this sink.
    LettersOf(Arc<str>),
    /// All records.
    All,
}

impl ReplayCursor {
    /// `bounds` is what the partitions hold: before it there is nothing.
    pub(crate) fn new(
        ranges: BTreeMap<u32, Range<u64>>,
        bounds: &BTreeMap<u32, Range<u64>>,
        wanted: Wanted,
        progress: SharedTrack,
    ) -> Self {
        lock(&progress).begin(&ranges);
        let whole_from = ranges.iter().map(|(partition, range)| {
            let is_first = bounds
                .get(partition)
                .is_some_and(|all| range.start <= all.start);
            (*partition, if is_first { 0 } else { range.start })
        });
        Self {
            whole_from: whole_from.collect(),
            ahead: ranges,
            wanted,
            progress,
        }
    }

    /// Where to start reading, and in which partitions.
    pub(crate) fn starts(&self) -> Vec<(u32, u64)> {
        let ahead = self.ahead.iter().filter(|(_, range)| !range.is_empty());
        ahead
            .map(|(partition, range)| (*partition, range.start))
            .collect()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.ahead.values().all(Range::is_empty)
    }

    /// Takes records that were read, and returns them as the sink gets them. Those that it does not
    /// get lose their value, so that they are skipped and committed past.
    pub(crate) fn take(&mut self, records: Vec<Fetched>) -> Vec<Fetched> {
        let mut taken = Vec::with_capacity(records.len());
        for mut fetched in records {
            let Some(range) = self.ahead.get_mut(&fetched.partition) else {
                continue;
            };
            if range.contains(&fetched.offset) {
                range.start = fetched.offset + 1;
                let mut progress = lock(&self.progress);
                let whole_from = self.whole_from.entry(fetched.partition).or_default();
                if self.wanted.pick(&mut fetched.record) {
                    fetched.replayed_from = self.wanted.is_of_events().then_some(*whole_from);
                } else {
                    progress.left_out();
                    if fetched.record.value.take().is_some() {
                        *whole_from = fetched.offset + 1;
                    }
                }
                progress.read(fetched.partition, fetched.offset + 1);
                taken.push(fetched);
            } else if fetched.offset >= range.end {
                // The offsets in between have no records.
                range.start = range.end;
            }
        }
        taken
    }

    /// Notes that there are no records before `next` other than those taken.
    pub(crate) fn skip_to(&mut self, partition: u32, next: u64) {
        if let Some(range) = self.ahead.get_mut(&partition) {
            range.start = range.start.max(next.min(range.end));
        }
    }

    /// Notes that everything before these offsets is stored.
    pub(crate) fn settled(&self, positions: &[(u32, u64)]) {
        lock(&self.progress).settled(positions);
    }

    /// Notes the end, and whether the last positions were `committed`: offsets without a record
    /// count as processed, too.
    pub(crate) fn finish(&self, committed: Result<(), BoxError>) {
        if let Err(error) = committed {
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
    /// Whether a consumer group reads the same records. No group reads dead letters.
    const fn is_of_events(&self) -> bool {
        !matches!(self, Self::LettersOf(_))
    }

    /// Whether the sink gets the record, which is restored to what it was before it was
    /// dead-lettered.
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
                // A dead letter has the time when it was dead-lettered.
                if let Ok(event) = UserMetadataEvent::decode(record.value.as_deref()) {
                    record.timestamp = event.timestamp;
                }
                is_its
            }
        }
    }
}
