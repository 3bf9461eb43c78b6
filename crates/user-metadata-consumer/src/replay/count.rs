use std::collections::BTreeMap;

use user_metadata_events::UnixMillis;

use super::error::ReplayError;
use crate::pipeline::{Fetched, Input, Source};

/// What a replay would read; counted by
/// [`ConsumerBuilder::count_replay`](crate::ConsumerBuilder::count_replay).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayCount {
    /// The topic that is read.
    pub topic: String,
    /// Per partition, in their order.
    pub partitions: BTreeMap<u32, PartitionCount>,
    /// Only of dead letters: by sink and by reason, as the letters tell them.
    pub letters: Option<BTreeMap<(String, String), LetterCount>>,
    /// Per sink whose letters are to be read, where its replay stands.
    positions: BTreeMap<String, BTreeMap<u32, u64>>,
}

/// What a partition has for a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionCount {
    /// The records that a sink gets, or all dead letters.
    pub records: u64,
    /// The records between these that no sink gets.
    pub left_out: u64,
    /// Bytes of key, value and headers of those that a sink gets.
    pub bytes: u64,
    /// The time of the oldest of them.
    pub first: Option<UnixMillis>,
    /// The time of the newest of them.
    pub last: Option<UnixMillis>,
}

/// The dead letters of one sink with the same reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterCount {
    /// All that are kept.
    pub kept: u64,
    /// Those that a replay would read: none for a sink that is not given.
    pub ahead: u64,
}

/// A sink's reasons may differ in every letter.
const MOST_REASONS: usize = 1_000;

impl ReplayCount {
    pub(super) fn new(topic: String, are_letters: bool) -> Self {
        Self {
            topic,
            partitions: BTreeMap::new(),
            letters: are_letters.then(BTreeMap::new),
            positions: BTreeMap::new(),
        }
    }

    /// Notes where the replay of a sink's letters stands.
    pub(super) fn is_at(&mut self, sink: &str, positions: BTreeMap<u32, u64>) {
        self.positions.insert(sink.to_owned(), positions);
    }

    /// Reads all of it.
    pub(super) async fn all_of(mut self, mut source: impl Source) -> Result<Self, ReplayError> {
        loop {
            match source.next().await.map_err(ReplayError::Read)? {
                Input::Assigned(partitions) => {
                    let none = partitions
                        .into_iter()
                        .map(|it| (it, PartitionCount::default()));
                    self.partitions.extend(none);
                }
                Input::Records(records) => records.iter().for_each(|record| self.add(record)),
                Input::End => break,
                _ => {}
            }
        }
        source.close().await;
        Ok(self)
    }

    fn add(&mut self, fetched: &Fetched) {
        let partition = self.partitions.entry(fetched.partition).or_default();
        let record = &fetched.record;
        if record.value.is_none() {
            partition.left_out += 1;
            return;
        }
        partition.records += 1;
        partition.bytes += record.size() as u64;
        let time = record.timestamp;
        partition.first = Some(partition.first.map_or(time, |first| first.min(time)));
        partition.last = partition.last.max(Some(time));
        self.add_letter(fetched);
    }

    fn add_letter(&mut self, letter: &Fetched) {
        let Some(letters) = &mut self.letters else {
            return;
        };
        let told = |name| {
            let value = letter.record.header(name).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        let sink = told("dlq_sink");
        let is_ahead = self.positions.get(&sink).is_some_and(|positions| {
            let position = positions.get(&letter.partition).copied();
            position.unwrap_or_default() <= letter.offset
        });
        let mut kind = (sink, told("dlq_reason"));
        if letters.len() >= MOST_REASONS && !letters.contains_key(&kind) {
            kind.1 = "(further reasons)".to_owned();
        }
        let count = letters.entry(kind).or_default();
        count.kept += 1;
        count.ahead += u64::from(is_ahead);
    }
}
