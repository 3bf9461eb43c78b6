use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use user_metadata_events::UnixMillis;

use super::count::ReplayCount;
use super::course::{Course, Wanted};
use super::error::ReplayError;
use super::progress::{ReplayProgress, Shared, Track};
use super::what::ReplayOf;
use crate::consumer::{Carrier, Feed, Start};
use crate::pipeline::{BatchLimits, Monitor};
use crate::{ConsumeError, Consumer, ConsumerStatus, Summary};

#[cfg(feature = "kafka")]
use super::kafka::KafkaReplay;
#[cfg(feature = "embedded")]
use super::log::LogReplay;

/// Reads again what is in the topic, into sinks, and ends; opened by
/// [`ConsumerBuilder::open_replay`](crate::ConsumerBuilder::open_replay).
///
/// The groups that consume the topic notice nothing of it. What a sink rejects stays where it is,
/// is counted and, for the first hundred, named in the log by its position.
pub struct Replay {
    consumer: Consumer,
    progress: ReplayProgress,
}

impl Replay {
    /// A handle that says how far it is, also while it runs.
    #[must_use]
    pub fn progress(&self) -> ReplayProgress {
        self.progress.clone()
    }

    /// Reads to the end that there was when it was opened, or until `stop`, as
    /// [`Consumer::run`] does. What is dead-lettered in the summary was rejected.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`] when a sink has failed for good; the others have done their part.
    pub async fn run(self, stop: CancellationToken) -> Result<Summary, ConsumeError> {
        self.consumer.run(stop).await
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

/// What a consumer would read, and as whom.
pub(crate) struct Setting {
    pub(crate) carrier: Carrier,
    pub(crate) topic: String,
    pub(crate) dead_letters: String,
    pub(crate) group: String,
    pub(crate) limits: BatchLimits,
}

/// What one sink is to get, before anybody knows where it lies.
pub(crate) struct Ask {
    pub(super) topic: String,
    /// The group whose positions say where to start, and are kept.
    pub(super) group: Option<String>,
    pub(super) what: ReplayOf,
    pub(super) wanted: Wanted,
    pub(super) max_events: usize,
    pub(super) progress: Shared,
}

impl Ask {
    fn new(setting: &Setting, sink: &Arc<str>, what: &ReplayOf) -> Self {
        let (topic, group, wanted) = match what {
            ReplayOf::DeadLetters => (
                setting.dead_letters.clone(),
                Some(letters_group(&setting.group, sink)),
                Wanted::LettersOf(Arc::clone(sink)),
            ),
            ReplayOf::Events { from, until, .. } => {
                let (from, until) = (*from, *until);
                (setting.topic.clone(), None, Wanted::Events { from, until })
            }
        };
        Self {
            topic,
            group,
            what: what.clone(),
            wanted,
            max_events: setting.limits.max_events.get(),
            progress: Track::shared(sink),
        }
    }

    /// The same without leaving a trace, all of the dead letters for whatever sink.
    fn counting(setting: &Setting, what: &ReplayOf) -> Self {
        let ask = Self::new(setting, &Arc::from(""), what);
        match what {
            ReplayOf::DeadLetters => Self {
                group: None,
                what: ReplayOf::events_from(None),
                wanted: Wanted::All,
                ..ask
            },
            ReplayOf::Events { .. } => ask,
        }
    }

    /// The time whose first record is to be found, if any.
    pub(super) const fn time(&self) -> Option<UnixMillis> {
        match &self.what {
            ReplayOf::Events {
                from,
                from_offsets: None,
                ..
            } => *from,
            _ => None,
        }
    }

    /// Where to read, given what the partitions hold and where the group stands or the time begins.
    pub(super) fn course(
        &self,
        bounds: &BTreeMap<u32, Range<u64>>,
        starts: &BTreeMap<u32, u64>,
    ) -> Result<Course, ReplayError> {
        self.check_partitions(bounds)?;
        let ranges = bounds.iter().filter_map(|(partition, bounds)| {
            let mut end = bounds.end;
            let start = match &self.what {
                // A position behind the end is one of a topic that was there before.
                ReplayOf::DeadLetters => {
                    let position = starts.get(partition).filter(|start| **start <= end);
                    position.copied().unwrap_or(bounds.start)
                }
                ReplayOf::Events {
                    from,
                    from_offsets,
                    until_offsets,
                    ..
                } => {
                    end = end.min(until_offsets.get(partition).copied().unwrap_or(end));
                    match (from_offsets, from) {
                        (Some(offsets), _) => *offsets.get(partition)?,
                        (None, Some(_)) => starts.get(partition).copied().unwrap_or(end),
                        (None, None) => bounds.start,
                    }
                }
            };
            Some((*partition, start.max(bounds.start).min(end)..end))
        });
        let ranges = ranges.collect();
        Ok(Course::new(
            ranges,
            self.wanted.clone(),
            Arc::clone(&self.progress),
        ))
    }

    fn check_partitions(&self, bounds: &BTreeMap<u32, Range<u64>>) -> Result<(), ReplayError> {
        let ReplayOf::Events {
            from_offsets,
            until_offsets,
            ..
        } = &self.what
        else {
            return Ok(());
        };
        let named = from_offsets.iter().flatten().chain(until_offsets);
        let named: BTreeSet<u32> = named.map(|(partition, _)| *partition).collect();
        match named.into_iter().find(|named| !bounds.contains_key(named)) {
            None => Ok(()),
            Some(partition) => Err(ReplayError::NoPartition {
                topic: self.topic.clone(),
                partition,
                last: bounds.keys().next_back().copied().unwrap_or_default(),
            }),
        }
    }
}

/// The group that remembers which dead letters of a sink were read again.
fn letters_group(group: &str, sink: &str) -> String {
    format!("{group}.{sink}.replay")
}

/// Finds out what there is to read, for each sink.
pub(crate) async fn open(
    setting: &Setting,
    sinks: Vec<(String, Start)>,
    what: &ReplayOf,
) -> Result<Replay, ReplayError> {
    let (mut pipelines, mut monitors, mut tracks) = (Vec::new(), Vec::new(), Vec::new());
    for (name, start) in sinks {
        let name = Arc::from(name);
        let ask = Ask::new(setting, &name, what);
        tracks.push(Arc::clone(&ask.progress));
        let topic = ask.topic.clone();
        let group = ask.group.clone().unwrap_or_default();
        let feed = match &setting.carrier {
            #[cfg(feature = "kafka")]
            Carrier::Kafka(options) => {
                let replay = KafkaReplay::open(options, ask).await?;
                Feed::kafka_replay(topic, setting.limits, replay)
            }
            #[cfg(feature = "embedded")]
            Carrier::Log(dir) => {
                let path = log_path(dir, what);
                let replay = LogReplay::open(dir, &path, ask)?;
                Feed::log_replay(topic, setting.limits, replay)
            }
        };
        let monitor = Monitor::new(&name, group).of_replay();
        monitors.push(monitor.shared());
        pipelines.push((monitor, feed, start));
    }
    Ok(Replay {
        consumer: Consumer::new(pipelines, ConsumerStatus::new(monitors)),
        progress: ReplayProgress::new(tracks),
    })
}

/// Counts what a replay would read, and leaves no trace.
pub(crate) async fn count(
    setting: &Setting,
    sinks: &[&str],
    what: &ReplayOf,
) -> Result<ReplayCount, ReplayError> {
    let ask = Ask::counting(setting, what);
    let mut count = ReplayCount::new(ask.topic.clone(), *what == ReplayOf::DeadLetters);
    match &setting.carrier {
        #[cfg(feature = "kafka")]
        Carrier::Kafka(options) => {
            if *what == ReplayOf::DeadLetters {
                let reader =
                    user_metadata_kafka::TopicReader::connect(options, &ask.topic, 1).await?;
                for sink in sinks {
                    let positions = reader
                        .committed(&letters_group(&setting.group, sink))
                        .await?;
                    count.is_at(sink, positions);
                }
                reader.close().await;
            }
            count.all_of(KafkaReplay::open(options, ask).await?).await
        }
        #[cfg(feature = "embedded")]
        Carrier::Log(dir) => {
            if *what == ReplayOf::DeadLetters {
                for sink in sinks {
                    let group = letters_group(&setting.group, sink);
                    let positions =
                        user_metadata_log::GroupPositions::peek(&dir.of_dead_letters(), &group)?;
                    count.is_at(sink, positions);
                }
            }
            let path = log_path(dir, what);
            count.all_of(LogReplay::open(dir, &path, ask)?).await
        }
    }
}

#[cfg(feature = "embedded")]
fn log_path(dir: &user_metadata_log::DataDir, what: &ReplayOf) -> std::path::PathBuf {
    match what {
        ReplayOf::DeadLetters => dir.dead_letters_path(),
        ReplayOf::Events { .. } => dir.topic_path(),
    }
}
