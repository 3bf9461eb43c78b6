use std::collections::VecDeque;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::batch::Batch;
use super::lag::Oldest;
use super::monitor::{Monitor, Trouble};
use super::source::{Fetched, Input, Source};
use super::words::in_words;
use crate::BoxError;

/// How large a batch may grow and how long it may wait to fill.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    pub(crate) max_events: NonZeroUsize,
    pub(crate) max_wait: Duration,
}

/// Gathers the next batch from a source, also while the previous one is being written.
pub(crate) struct Intake<K: Source> {
    pub(crate) source: K,
    pub(crate) monitor: Monitor,
    topic: Arc<str>,
    limits: BatchLimits,
    next: Batch,
    /// A settled batch. Emptying it takes time, so that is done while the next one is written or
    /// nothing arrives.
    spent: Batch,
    /// An empty batch, kept for its memory.
    spare: Batch,
    /// When the first record of the next batch arrived.
    since: Option<Instant>,
    /// Records that did not fit into the next batch.
    waiting: VecDeque<Fetched>,
    /// The oldest records of the batch that is being written.
    oldest_written: Oldest,
    assigned: Vec<u32>,
    /// The partitions that this member has owned without interruption since the batch that is being
    /// written was cut. In any other, another member may have got further in between.
    kept: Vec<u32>,
    /// Partitions are to be handed over once their records in flight are settled.
    revoking: bool,
    failure: Option<BoxError>,
    /// Nothing more will come.
    has_ended: bool,
    lag_timer: Interval,
    lag_checked: bool,
}

impl<K: Source> Intake<K> {
    /// How often the lag is checked and a failed commit is tried again.
    const CHECK_LAG_EVERY: Duration = Duration::from_secs(1);

    pub(crate) fn new(source: K, monitor: Monitor, topic: Arc<str>, limits: BatchLimits) -> Self {
        let mut lag_timer = tokio::time::interval(Self::CHECK_LAG_EVERY);
        lag_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            source,
            monitor,
            topic,
            limits,
            next: Batch::default(),
            spent: Batch::default(),
            spare: Batch::default(),
            since: None,
            waiting: VecDeque::new(),
            oldest_written: Oldest::new(),
            assigned: Vec::new(),
            kept: Vec::new(),
            revoking: false,
            failure: None,
            has_ended: false,
            lag_timer,
            lag_checked: false,
        }
    }

    /// Does `work`, and meanwhile receives input, up to one batch.
    pub(crate) async fn during<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.listen() => {}
            }
        }
    }

    /// Waits, and meanwhile receives input. Partitions are handed over at once: nobody knows when
    /// their records in flight will be settled, and the new owner reads them again.
    pub(crate) async fn wait(&mut self, time: Duration) {
        let mut over = pin!(tokio::time::sleep(time));
        loop {
            self.revoking = false;
            tokio::select! {
                biased;
                () = &mut over => return,
                () = self.listen() => {}
            }
        }
    }

    /// Receives one input. Cancel safe.
    pub(crate) async fn listen(&mut self) {
        if self.spent.records() > 0 {
            self.spent.clear();
            self.spare = std::mem::take(&mut self.spent);
        }
        let has_room = self.failure.is_none() && !self.revoking && !self.is_full();
        tokio::select! {
            input = self.source.next(), if has_room => match input {
                Ok(input) => self.take(input),
                Err(error) => self.failure = Some(error),
            },
            _ = self.lag_timer.tick() => self.check_lag(has_room),
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Records(records) => {
                self.waiting.extend(records);
                self.fill();
            }
            Input::Assigned(partitions) => {
                self.own(partitions);
                self.monitor.assigned(&self.assigned);
            }
            Input::Left => {
                self.own(Vec::new());
                self.monitor.left();
            }
            Input::Revoking => self.revoking = true,
            Input::Lost { records, cause } => self.monitor.lost(cause, records),
            Input::Unavailable { reason } => self.monitor.begin(Trouble::Source, &reason),
            Input::Recovered => self.monitor.end(Trouble::Source),
            Input::End => self.has_ended = true,
        }
    }

    /// Drops the records of other partitions.
    fn own(&mut self, partitions: Vec<u32>) {
        self.next.keep(&partitions);
        if self.next.records() == 0 {
            self.since = None;
        }
        self.waiting
            .retain(|fetched| partitions.contains(&fetched.partition));
        self.fill();
        self.kept.retain(|kept| partitions.contains(kept));
        self.assigned = partitions;
    }

    /// Moves waiting records into the next batch, as far as there is room.
    fn fill(&mut self) {
        while self.next.records() < self.limits.max_events.get()
            && let Some(fetched) = self.waiting.pop_front()
        {
            self.since.get_or_insert_with(Instant::now);
            self.next.add(&self.topic, fetched);
        }
    }

    fn is_full(&self) -> bool {
        self.next.records() >= self.limits.max_events.get()
    }

    fn check_lag(&mut self, is_asked: bool) {
        let mut held = self.oldest_written.clone();
        let waiting = self.waiting.iter();
        let waiting = waiting.map(|fetched| (fetched.partition, fetched.record.timestamp));
        for (partition, time) in self.next.oldest().chain(waiting) {
            let oldest = held.entry(partition).or_insert(time);
            *oldest = time.min(*oldest);
        }
        self.monitor
            .update_lag(&self.source.offsets(), &held, is_asked);
        self.lag_checked = true;
    }

    /// Whether [`check_lag`](Self::check_lag) has run since the last call.
    pub(crate) fn has_checked_lag(&mut self) -> bool {
        std::mem::take(&mut self.lag_checked)
    }

    /// When the next batch is written even if it is not full.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.limits.max_wait)
    }

    /// Takes the next batch if it is full or due, or if partitions are to be handed over.
    pub(crate) fn cut(&mut self) -> Option<Batch> {
        let is_due = self.due().is_some_and(|due| due <= Instant::now());
        let is_ready = self.is_full() || is_due || self.revoking || self.has_ended;
        if !is_ready || self.next.records() == 0 {
            // Nothing is in flight: asking for more releases the partitions.
            self.revoking &= self.next.records() > 0;
            return None;
        }
        self.since = None;
        self.kept.clone_from(&self.assigned);
        let spare = std::mem::take(&mut self.spare);
        let batch = std::mem::replace(&mut self.next, spare);
        self.fill();
        self.oldest_written = batch.oldest().collect();
        Some(batch)
    }

    /// Drops from `batch` what belongs to another member by now.
    pub(crate) fn keep_own(&self, batch: &mut Batch) {
        batch.keep(&self.kept);
    }

    /// Commits past a settled batch.
    pub(crate) async fn settled(&mut self, batch: Batch) {
        self.oldest_written.clear();
        self.commit(&batch.next_offsets()).await;
        self.monitor.settled(&batch);
        self.spent = batch;
    }

    /// Commits. A failed commit is retried later.
    pub(crate) async fn commit(&mut self, next_offsets: &[(u32, u64)]) {
        match self.source.commit(next_offsets).await {
            Ok(()) => self.monitor.end(Trouble::Commit),
            Err(error) => self.monitor.begin(Trouble::Commit, &in_words(&*error)),
        }
    }

    /// Whether nothing more will come and everything received is settled.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended && self.next.records() == 0
    }

    /// Why the source can't continue, once everything received is settled.
    pub(crate) fn failure(&mut self) -> Option<BoxError> {
        if self.next.records() == 0 {
            self.failure.take()
        } else {
            None
        }
    }
}
