#![cfg_attr(
    not(any(feature = "kafka", feature = "embedded")),
    allow(
        dead_code,
        unreachable_pub,
        reason = "the conformance kit alone uses a part"
    )
)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use user_metadata_events::UnixMillis;

use crate::pipeline::{Lag, Lags, Trouble};

/// The state of a consumer, at any time and from any task.
#[derive(Debug, Clone)]
pub struct ConsumerStatus {
    sinks: Vec<SharedStatus>,
}

/// Whether a consumer works. The reasons name the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConsumerHealth {
    /// Everything works.
    Ready,
    /// It works, or will soon: something has been unavailable for a short time.
    Degraded(Vec<String>),
    /// It does not work: no sink is running in its group, a sink has failed for good, or one has
    /// made no progress for [`ConsumerStatus::STALLED`].
    NotReady(Vec<String>),
}

/// The state of one sink. Displays as a sentence.
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
    pub problems: Vec<SinkProblem>,
    /// The partitions that this process reads, sorted.
    pub partitions: Vec<u32>,
    /// How far it is behind in each of them.
    pub lags: Vec<PartitionStatus>,
    /// Records that it has not committed yet.
    pub lag_records: u64,
    /// Age of the oldest record that is not stored yet.
    pub lag: Duration,
    /// For how long it has made no progress although there is something to do, or has not joined
    /// its group.
    pub stalled: Duration,
    /// Events stored since the start.
    pub written: u64,
    /// Records sent to the dead-letter topic since the start.
    pub dead_lettered: u64,
    /// Records that were lost before the sink could read them, since the start.
    pub lost: u64,
}

/// How far a sink is behind in one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// The partition.
    pub partition: u32,
    /// Records that are not committed yet.
    pub lag_records: u64,
    /// Age of the oldest record that is not stored yet. A record that was not read yet counts as
    /// old as the last one stored before it, or from when it was first seen.
    pub lag: Duration,
    /// For how long no record has arrived although there are some and the source was asked.
    pub silent: Duration,
}

/// Whether a sink runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkState {
    /// Its source has not responded yet.
    Starting,
    /// It runs. Without a partition it is a stand-by: other processes of its group have them all.
    Running,
    /// It has failed for good; the problem says why.
    Failed,
    /// It has ended: it was stopped, or its target accepts no more.
    Ended,
}

/// A problem of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkProblem {
    /// What is wrong, for a person to read.
    pub what: String,
    /// Since when.
    pub since: UnixMillis,
}

/// What a pipeline records and the status shows.
pub(crate) type SharedStatus = Arc<Mutex<LiveStatus>>;

#[derive(Debug)]
pub(crate) struct LiveStatus {
    pub(crate) name: Arc<str>,
    pub(crate) group: String,
    pub(crate) state: SinkState,
    pub(crate) troubles: BTreeMap<Trouble, SinkProblem>,
    pub(crate) partitions: Vec<u32>,
    pub(crate) lags: Lags,
    /// Something was read and is not settled.
    pub(crate) is_holding: bool,
    /// When it was last seen to make progress or to have nothing to do.
    pub(crate) progress: Instant,
    pub(crate) written: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) lost: u64,
}

pub(crate) fn lock(shared: &SharedStatus) -> MutexGuard<'_, LiveStatus> {
    // Nothing panics while it is locked.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LiveStatus {
    pub(crate) fn new(name: &Arc<str>, group: String) -> Self {
        Self {
            name: Arc::clone(name),
            group,
            state: SinkState::Starting,
            troubles: BTreeMap::new(),
            partitions: Vec::new(),
            lags: Lags::default(),
            is_holding: false,
            progress: Instant::now(),
            written: 0,
            dead_lettered: 0,
            lost: 0,
        }
    }

    fn status(&self) -> SinkStatus {
        let is_over = matches!(self.state, SinkState::Failed | SinkState::Ended);
        SinkStatus {
            name: self.name.to_string(),
            group: self.group.clone(),
            state: self.state,
            problems: self.troubles.values().cloned().collect(),
            partitions: self.partitions.clone(),
            lags: self.lags.iter().map(PartitionStatus::new).collect(),
            lag_records: self.lags.records(),
            lag: age(self.lags.oldest()),
            stalled: if is_over {
                Duration::ZERO
            } else {
                self.progress.elapsed()
            },
            written: self.written,
            dead_lettered: self.dead_lettered,
            lost: self.lost,
        }
    }
}

/// How long ago that was; zero for `None`.
pub(crate) fn age(time: Option<UnixMillis>) -> Duration {
    let now = UnixMillis::from(std::time::SystemTime::now());
    time.map_or(Duration::ZERO, |time| now.since(time))
}

impl PartitionStatus {
    fn new((partition, lag): (u32, &Lag)) -> Self {
        Self {
            partition,
            lag_records: lag.records,
            lag: age(lag.oldest),
            silent: lag.silent.map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }
}

impl ConsumerStatus {
    /// After how long without progress a sink with something to do counts as stuck.
    pub const STALLED: Duration = Duration::from_secs(60);

    pub(crate) fn new(sinks: Vec<SharedStatus>) -> Self {
        Self { sinks }
    }

    /// Every sink, in the order in which they were added.
    #[must_use]
    pub fn sinks(&self) -> Vec<SinkStatus> {
        self.sinks
            .iter()
            .map(|shared| lock(shared).status())
            .collect()
    }

    /// Whether the consumer works.
    #[must_use]
    pub fn health(&self) -> ConsumerHealth {
        let sinks = self.sinks();
        let mut reasons: Vec<String> = sinks
            .iter()
            .filter_map(SinkStatus::not_ready_reason)
            .collect();
        if sinks.iter().all(|sink| sink.state != SinkState::Running) {
            reasons.push("no sink is running in its group".to_owned());
        }
        let problems = sinks.iter().flat_map(|sink| {
            let named = |problem: &SinkProblem| format!("{}: {}", sink.name, problem.what);
            sink.problems.iter().map(named)
        });
        let problems: Vec<String> = problems.collect();
        if !reasons.is_empty() {
            reasons.extend(problems);
            ConsumerHealth::NotReady(reasons)
        } else if problems.is_empty() {
            ConsumerHealth::Ready
        } else {
            ConsumerHealth::Degraded(problems)
        }
    }
}

impl SinkStatus {
    /// Why the consumer is not ready because of this sink.
    fn not_ready_reason(&self) -> Option<String> {
        if self.state == SinkState::Failed {
            return Some(format!("{}: stopped for good", self.name));
        }
        if self.stalled >= ConsumerStatus::STALLED {
            let seconds = self.stalled.as_secs();
            let what = match self.state {
                SinkState::Starting => "has not joined its group",
                _ => "no progress",
            };
            return Some(format!("{}: {what} for {seconds} s", self.name));
        }
        let silent = self
            .lags
            .iter()
            .find(|lag| lag.silent >= ConsumerStatus::STALLED);
        silent.map(|lag| {
            let (records, seconds) = (count(lag.lag_records, "record"), lag.silent.as_secs());
            let (name, partition) = (&self.name, lag.partition);
            format!("{name}: no records from partition {partition} for {seconds} s, with {records} to read")
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
        for SinkProblem { what, since } in &self.problems {
            write!(f, "; since {since}: {what}")?;
        }
        if self.state == SinkState::Running && self.partitions.is_empty() {
            f.write_str("; a stand-by: other processes of its group have all partitions")?;
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
