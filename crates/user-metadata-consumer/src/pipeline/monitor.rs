use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tracing::{info, warn};
use user_metadata_events::UnixMillis;

use super::batch::Batch;
use super::dead_letter::DeadLetter;
use super::lag::Oldest;
use super::source::{LossCause, PartitionOffsets};
use crate::metrics::SinkMetrics;
use crate::status::{LiveStatus, SharedStatus, SinkProblem, SinkState, lock};

/// What a pipeline reports: status, metrics and one warning per incident.
pub(crate) struct Monitor {
    sink: Arc<str>,
    shared: SharedStatus,
    metrics: SinkMetrics,
    /// Dead letters that were not logged yet.
    unlogged_letters: u64,
    letters_logged_at: Option<Instant>,
    /// Whether this is a replay, in which rejected events do not become dead letters.
    is_replay: bool,
}

/// What can be wrong with a running sink. Several can be at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The source can't be reached yet.
    #[cfg_attr(
        not(feature = "kafka"),
        allow(dead_code, reason = "a log is opened at once")
    )]
    Connection,
    /// The source can't be read any more; it has already logged that.
    Source,
    /// The target does not accept the batch.
    Sink,
    /// The dead-letter topic does not accept the dead letters.
    DeadLetters,
    /// Positions can't be committed.
    Commit,
    /// The sink has failed for good.
    Failure,
}

impl Trouble {
    /// The log line at its start.
    const fn consequence(self) -> &'static str {
        match self {
            Self::Connection => "Kafka can't be reached",
            Self::Source => "events can't be read",
            Self::Sink => "the sink is unavailable; its batch waits",
            Self::DeadLetters => "dead letters can't be stored; their batch waits",
            Self::Commit => "positions can't be committed; a restart would read again",
            Self::Failure => "the sink stops for good",
        }
    }
}

impl Monitor {
    /// The shortest time between two log lines about dead letters.
    const LETTERS_EVERY: Duration = Duration::from_secs(60);

    pub(crate) fn new(sink: &Arc<str>, group: String) -> Self {
        Self {
            sink: Arc::clone(sink),
            shared: Arc::new(std::sync::Mutex::new(LiveStatus::new(sink, group))),
            metrics: SinkMetrics::new(sink),
            unlogged_letters: 0,
            letters_logged_at: None,
            is_replay: false,
        }
    }

    /// Marks a replay, in which rejected events are logged elsewhere.
    pub(crate) fn of_replay(self) -> Self {
        Self {
            is_replay: true,
            ..self
        }
    }

    pub(crate) fn shared(&self) -> SharedStatus {
        Arc::clone(&self.shared)
    }

    pub(crate) fn sink(&self) -> &Arc<str> {
        &self.sink
    }

    pub(crate) fn assigned(&self, partitions: &[u32]) {
        let mut status = lock(&self.shared);
        status.state = SinkState::Running;
        status.partitions = partitions.to_vec();
        status.lags.keep(partitions);
        // A rebalance does not count as progress of a sink that hangs.
        if !status.is_holding {
            status.progress = Instant::now();
        }
        info!(sink = &*self.sink, ?partitions, "reading");
    }

    /// Notes that this member has lost its membership.
    pub(crate) fn left(&self) {
        let mut status = lock(&self.shared);
        status.state = SinkState::Starting;
        status.partitions.clear();
        status.lags.keep(&[]);
        info!(sink = &*self.sink, "rejoining the group");
    }

    /// Notes how far the sink is behind. `held` has the oldest records in flight; the source
    /// `is_asked` for more.
    pub(crate) fn update_lag(
        &mut self,
        offsets: &[PartitionOffsets],
        held: &Oldest,
        is_asked: bool,
    ) {
        let mut status = lock(&self.shared);
        status.lags.update(offsets, held, is_asked);
        status.is_holding = !held.is_empty();
        let is_sure = [Trouble::Source, Trouble::Commit]
            .iter()
            .all(|trouble| !status.troubles.contains_key(trouble));
        let is_up_to_date = status.lags.oldest().is_none() && held.is_empty();
        if is_up_to_date && is_sure && status.state == SinkState::Running {
            status.progress = Instant::now();
        }
        self.metrics.lag(&status.lags);
    }

    pub(crate) fn lost(&self, cause: LossCause, records: u64) {
        lock(&self.shared).lost += records;
        self.metrics.lost(cause, records);
    }

    pub(crate) fn retried(&self) {
        self.metrics.retried();
    }

    /// Notes that the sink has stored the events of the batch.
    pub(crate) fn written(&self, batch: &Batch, took: Duration) {
        let events = batch.deliveries.len() as u64;
        lock(&self.shared).written += events;
        self.metrics.written(events);
        self.metrics.write_time(took);
        let now = UnixMillis::from(SystemTime::now());
        for delivery in &batch.deliveries {
            self.metrics.end_to_end(now.since(delivery.event.timestamp));
        }
    }

    /// Notes that the dead letters are in the dead-letter topic.
    pub(crate) fn dead_lettered(&mut self, letters: &[DeadLetter]) {
        for letter in letters {
            self.metrics.dead_lettered(letter.cause);
        }
        lock(&self.shared).dead_lettered += letters.len() as u64;
        self.unlogged_letters += letters.len() as u64;
        self.log_letters();
    }

    /// Otherwise a faulty producer would flood the log. The reasons stay in the topic, because a
    /// sink's reason may quote the event.
    fn log_letters(&mut self) {
        let is_due = self
            .letters_logged_at
            .is_none_or(|logged| logged.elapsed() >= Self::LETTERS_EVERY);
        if self.unlogged_letters > 0 && is_due && !self.is_replay {
            warn!(
                sink = &*self.sink,
                records = self.unlogged_letters,
                "records went to the dead-letter topic; their header dlq_reason says why"
            );
            self.unlogged_letters = 0;
            self.letters_logged_at = Some(Instant::now());
        }
    }

    /// Notes that everything of a batch is settled.
    pub(crate) fn settled(&mut self, batch: &Batch) {
        self.metrics.tombstones(batch.tombstones());
        let mut status = lock(&self.shared);
        for (partition, next_offset, time) in batch.last() {
            status.lags.stored(partition, next_offset, time);
        }
        status.is_holding = false;
        // What is not committed is read again, so it does not count as progress.
        if !status.troubles.contains_key(&Trouble::Commit) {
            status.progress = Instant::now();
        }
        drop(status);
        self.log_letters();
    }

    /// Notes that something is wrong, with a warning if it was not before.
    pub(crate) fn begin(&self, trouble: Trouble, what: &str) {
        let since = self.note(trouble, what);
        // The source has already logged it, and if it can't be read, it can't be committed to
        // either.
        let is_told = trouble == Trouble::Source
            || trouble == Trouble::Commit
                && lock(&self.shared).troubles.contains_key(&Trouble::Source);
        if since.is_none() && !is_told {
            warn!(
                sink = &*self.sink,
                reason = what,
                "{}",
                trouble.consequence()
            );
        }
    }

    /// Returns since when it has been wrong, if it already was.
    fn note(&self, trouble: Trouble, what: &str) -> Option<UnixMillis> {
        let mut status = lock(&self.shared);
        let before = status.troubles.get(&trouble).map(|problem| problem.since);
        let since = before.unwrap_or_else(|| SystemTime::now().into());
        let what = what.to_owned();
        status.troubles.insert(trouble, SinkProblem { what, since });
        before
    }

    /// Notes that something is no longer wrong.
    pub(crate) fn end(&self, trouble: Trouble) {
        let mut status = lock(&self.shared);
        let ended = status.troubles.remove(&trouble);
        if ended.is_some() && trouble == Trouble::Commit {
            status.progress = Instant::now();
        }
        drop(status);
        if let Some(SinkProblem { since, .. }) = ended
            && trouble != Trouble::Source
        {
            let lasted = UnixMillis::from(SystemTime::now()).since(since);
            info!(
                sink = &*self.sink,
                ?lasted,
                "over: {}",
                trouble.consequence()
            );
        }
    }

    /// Notes the end of the pipeline.
    pub(crate) fn finished(shared: &SharedStatus, failure: Option<&str>) {
        let mut status = lock(shared);
        status.partitions.clear();
        status.state = SinkState::Ended;
        if let Some(failure) = failure {
            status.state = SinkState::Failed;
            let problem = SinkProblem {
                what: failure.to_owned(),
                since: SystemTime::now().into(),
            };
            status.troubles.insert(Trouble::Failure, problem);
        }
    }
}
