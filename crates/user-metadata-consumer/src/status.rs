use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use user_metadata_events::UnixMillis;

use crate::pipeline::Trouble;

/// How a consumer is, at any time and from any task.
#[derive(Debug, Clone)]
pub struct ConsumerStatus {
    sinks: Vec<Shared>,
}

/// Whether a consumer does its work. The reasons name the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumerHealth {
    /// All of it.
    Ready,
    /// It does, or will soon: something is away and has not been for long.
    Degraded(Vec<String>),
    /// It does not: no sink has a partition to read, a sink has failed for good, or one has made
    /// no progress for [`ConsumerStatus::STALLED`].
    NotReady(Vec<String>),
}

/// How one sink is. Displays in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStatus {
    /// The sink's name.
    pub name: String,
    /// The consumer group that the sink reads as.
    pub group: String,
    /// Whether it runs.
    pub state: SinkState,
    /// What is wrong now, and since when.
    pub problems: Vec<Problem>,
    /// The partitions that it reads here, sorted.
    pub partitions: Vec<u32>,
    /// Records that it has not committed yet.
    pub lag_records: u64,
    /// Age of the oldest record that is in hand and not stored yet.
    pub lag: Duration,
    /// For how long it has made no progress although there is something to do.
    pub stalled: Duration,
    /// Events stored since the start.
    pub written: u64,
    /// Records sent to the dead-letter topic since the start.
    pub dead_lettered: u64,
    /// Records that were gone before it read them, since the start.
    pub lost: u64,
}

/// Whether a sink runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkState {
    /// It has no answer yet from what it reads from.
    Starting,
    /// It runs.
    Running,
    /// It has failed for good; the problem says why.
    Failed,
    /// It has ended: it was stopped, or its target wants no more.
    Ended,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What, in words, for a person.
    pub what: String,
    /// Since when.
    pub since: UnixMillis,
}

/// What a pipeline notes and the status reads.
pub(crate) type Shared = Arc<Mutex<Notes>>;

#[derive(Debug)]
pub(crate) struct Notes {
    pub(crate) name: Arc<str>,
    pub(crate) group: String,
    pub(crate) state: SinkState,
    pub(crate) troubles: BTreeMap<Trouble, Problem>,
    pub(crate) partitions: Vec<u32>,
    pub(crate) lag_records: u64,
    pub(crate) oldest_in_hand: Option<UnixMillis>,
    /// When it was last seen to make progress or to have nothing to do.
    pub(crate) progress: Instant,
    pub(crate) written: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) lost: u64,
}

pub(crate) fn lock(shared: &Shared) -> MutexGuard<'_, Notes> {
    // Nothing panics while it is held.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Notes {
    pub(crate) fn new(name: &Arc<str>, group: String) -> Self {
        Self {
            name: Arc::clone(name),
            group,
            state: SinkState::Starting,
            troubles: BTreeMap::new(),
            partitions: Vec::new(),
            lag_records: 0,
            oldest_in_hand: None,
            progress: Instant::now(),
            written: 0,
            dead_lettered: 0,
            lost: 0,
        }
    }

    /// Age of the oldest record in hand.
    pub(crate) fn lag(&self) -> Duration {
        let now = UnixMillis::from(std::time::SystemTime::now());
        self.oldest_in_hand
            .map_or(Duration::ZERO, |oldest| now.since(oldest))
    }

    fn status(&self) -> SinkStatus {
        let is_running = self.state == SinkState::Running;
        SinkStatus {
            name: self.name.to_string(),
            group: self.group.clone(),
            state: self.state,
            problems: self.troubles.values().cloned().collect(),
            partitions: self.partitions.clone(),
            lag_records: self.lag_records,
            lag: self.lag(),
            stalled: if is_running {
                self.progress.elapsed()
            } else {
                Duration::ZERO
            },
            written: self.written,
            dead_lettered: self.dead_lettered,
            lost: self.lost,
        }
    }
}

impl ConsumerStatus {
    /// After how long without progress a sink with something to do counts as stuck.
    pub const STALLED: Duration = Duration::from_secs(60);

    pub(crate) fn new(sinks: Vec<Shared>) -> Self {
        Self { sinks }
    }

    /// Every sink, in the order in which they were given.
    #[must_use]
    pub fn sinks(&self) -> Vec<SinkStatus> {
        self.sinks
            .iter()
            .map(|shared| lock(shared).status())
            .collect()
    }

    /// Whether the consumer does its work.
    #[must_use]
    pub fn health(&self) -> ConsumerHealth {
        let sinks = self.sinks();
        let mut grave: Vec<String> = sinks.iter().filter_map(SinkStatus::grave).collect();
        if sinks.iter().all(|sink| sink.partitions.is_empty()) {
            grave.push("no sink has a partition to read".to_owned());
        }
        let problems = sinks.iter().flat_map(|sink| {
            let named = |problem: &Problem| format!("{}: {}", sink.name, problem.what);
            sink.problems.iter().map(named)
        });
        let problems: Vec<String> = problems.collect();
        if !grave.is_empty() {
            grave.extend(problems);
            ConsumerHealth::NotReady(grave)
        } else if problems.is_empty() {
            ConsumerHealth::Ready
        } else {
            ConsumerHealth::Degraded(problems)
        }
    }
}

impl SinkStatus {
    /// Why the consumer can't count as ready with this sink.
    fn grave(&self) -> Option<String> {
        if self.state == SinkState::Failed {
            return Some(format!("{}: stopped for good", self.name));
        }
        (self.stalled >= ConsumerStatus::STALLED).then(|| {
            let seconds = self.stalled.as_secs();
            format!("{}: no progress for {seconds} s", self.name)
        })
    }
}

/// `running; 3 partitions, 12 records behind; 1234 events stored, 1 dead letter`.
impl fmt::Display for SinkStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            SinkState::Starting => "starting",
            SinkState::Running => "running",
            SinkState::Failed => "stopped for good",
            SinkState::Ended => "ended",
        })?;
        for Problem { what, since } in &self.problems {
            write!(f, "; since {since}: {what}")?;
        }
        let partitions = count(self.partitions.len() as u64, "partition");
        let lag = count(self.lag_records, "record");
        write!(f, "; {partitions}, {lag} behind")?;
        write!(f, "; {} stored", count(self.written, "event"))?;
        if self.dead_lettered > 0 {
            write!(f, ", {}", count(self.dead_lettered, "dead letter"))?;
        }
        if self.lost > 0 {
            write!(f, ", {} lost", count(self.lost, "record"))?;
        }
        Ok(())
    }
}

fn count(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
