use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use user_metadata_events::UnixMillis;

#[cfg(feature = "kafka")]
use super::kafka::KafkaReplay;
#[cfg(feature = "embedded")]
use super::log::LogReplay;
use super::plan::{ReplayPlan, letters_group};
use super::replayer::ReplaySettings;
#[cfg(feature = "embedded")]
use super::replayer::log_path;
use super::{ReplayError, ReplayProgress, ReplayRequest};
use crate::consumer::Backend;
use crate::pipeline::{Fetched, Input, Source};

/// Counts what a replay would read, without changing anything; made by
/// [`ConsumerBuilder::count_replay`](crate::ConsumerBuilder::count_replay).
#[must_use = "nothing happens until it runs"]
pub struct ReplayCounter {
    progress: ReplayProgress,
    counting: Counting,
}

type Counting = Pin<Box<dyn Future<Output = Result<ReplayCount, ReplayError>> + Send>>;

/// What a replay would read, as counted by a [`ReplayCounter`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayCount {
    /// The topic that would be read.
    pub topic: String,
    /// By partition.
    pub partitions: BTreeMap<u32, PartitionCount>,
    /// Only for dead letters: by the sink and the reason in their headers.
    pub letters: Option<BTreeMap<(String, String), LetterCount>>,
    /// Per sink whose dead letters are to be read, the positions of its replay.
    positions: BTreeMap<String, BTreeMap<u32, u64>>,
}

/// What a partition has for a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionCount {
    /// The records that a sink would get, or all dead letters.
    pub records: u64,
    /// The records among them that no sink would get.
    pub left_out: u64,
    /// The bytes of key, value and headers of the records that a sink would get.
    pub bytes: u64,
    /// The time of the oldest of these.
    pub first: Option<UnixMillis>,
    /// The time of the newest of these.
    pub last: Option<UnixMillis>,
}

/// The dead letters of one sink with the same reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LetterCount {
    /// All that are available.
    pub kept: u64,
    /// Those that a replay would read: 0 for a sink that is not given.
    pub ahead: u64,
}

impl ReplayCounter {
    /// Connects, and determines what to count.
    pub(crate) async fn open(
        settings: &ReplaySettings,
        sinks: &[&str],
        request: &ReplayRequest,
    ) -> Result<Self, ReplayError> {
        let plan = ReplayPlan::counting(settings, request);
        let progress = ReplayProgress::new(vec![Arc::clone(&plan.progress)]);
        let mut count =
            ReplayCount::new(plan.topic.clone(), *request == ReplayRequest::DeadLetters);
        let counting: Counting = match &settings.backend {
            #[cfg(feature = "kafka")]
            Backend::Kafka(options) => {
                if *request == ReplayRequest::DeadLetters {
                    let admin = user_metadata_kafka::TopicAdmin::connect(options).await?;
                    for sink in sinks {
                        let group = letters_group(&settings.group, sink);
                        count.set_positions(sink, admin.committed(&group, &plan.topic).await?);
                    }
                }
                Box::pin(count.count_all(KafkaReplay::open(options, plan).await?))
            }
            #[cfg(feature = "embedded")]
            Backend::Log(dir) => {
                if *request == ReplayRequest::DeadLetters {
                    for sink in sinks {
                        let group = letters_group(&settings.group, sink);
                        let letters = dir.dead_letter_groups();
                        let at = user_metadata_log::GroupPositions::peek(&letters, &group)?;
                        count.set_positions(sink, at);
                    }
                }
                Box::pin(count.count_all(LogReplay::open(dir, &log_path(dir, request), plan)?))
            }
        };
        Ok(Self { progress, counting })
    }

    /// A handle to the progress, also while it runs.
    #[must_use]
    pub fn progress(&self) -> ReplayProgress {
        self.progress.clone()
    }

    /// Reads everything. An outage is waited for.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Read`] if reading can't continue.
    pub async fn run(self) -> Result<ReplayCount, ReplayError> {
        self.counting.await
    }
}

impl fmt::Debug for ReplayCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayCounter")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// The reason may differ in every dead letter of a sink.
const MAX_REASONS: usize = 1_000;

impl ReplayCount {
    fn new(topic: String, are_letters: bool) -> Self {
        Self {
            topic,
            partitions: BTreeMap::new(),
            letters: are_letters.then(BTreeMap::new),
            positions: BTreeMap::new(),
        }
    }

    /// Sets where the replay of a sink's dead letters stands.
    fn set_positions(&mut self, sink: &str, positions: BTreeMap<u32, u64>) {
        self.positions.insert(sink.to_owned(), positions);
    }

    /// Reads all of it.
    async fn count_all(mut self, mut source: impl Source) -> Result<Self, ReplayError> {
        loop {
            match source.next().await.map_err(ReplayError::Read)? {
                Input::Assigned(partitions) => {
                    let none = partitions
                        .into_iter()
                        .map(|it| (it, PartitionCount::default()));
                    self.partitions.extend(none);
                }
                Input::Records(records) => {
                    let mut counted = BTreeMap::new();
                    for record in &records {
                        self.add(record);
                        counted.insert(record.partition, record.offset + 1);
                    }
                    let counted: Vec<_> = counted.into_iter().collect();
                    source.commit(&counted).await.map_err(ReplayError::Read)?;
                }
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
        let header = |name| {
            let value = letter.record.header(name).unwrap_or_default();
            String::from_utf8_lossy(value).into_owned()
        };
        let sink = header("dlq_sink");
        let is_ahead = self.positions.get(&sink).is_some_and(|positions| {
            let position = positions.get(&letter.partition).copied();
            position.unwrap_or_default() <= letter.offset
        });
        let mut kind = (sink, header("dlq_reason"));
        if letters.len() >= MAX_REASONS && !letters.contains_key(&kind) {
            kind.1 = "(further reasons)".to_owned();
        }
        let count = letters.entry(kind).or_default();
        count.kept += 1;
        count.ahead += u64::from(is_ahead);
    }
}
