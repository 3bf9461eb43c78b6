use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::ops::Range;

use super::cursor::ReplayCursor;
use super::error::ReplayError;
use super::plan::ReplayPlan;
use super::report::Report;
use crate::pipeline::{Fetched, Input, in_words};

/// What a replay sends to its pipeline and takes back, independent of where the topic is stored.
pub(super) struct ReplayInputs {
    pub(super) cursor: ReplayCursor,
    pub(super) report: Report,
    pub(super) ready: VecDeque<Input>,
    /// Where the topic is read from, for the log.
    from: &'static str,
    uncommitted: BTreeMap<u32, u64>,
    /// The last attempt to read failed.
    in_trouble: bool,
    has_ended: bool,
}

impl ReplayInputs {
    /// Takes the offsets in each partition, and where the group or the period starts in them.
    pub(super) fn new(
        plan: ReplayPlan,
        from: &'static str,
        bounds: BTreeMap<u32, Range<u64>>,
        starts: &BTreeMap<u32, u64>,
    ) -> Result<Self, ReplayError> {
        Ok(Self {
            cursor: plan.cursor(&bounds, starts)?,
            report: Report::new(plan.progress),
            ready: VecDeque::from([Input::Assigned(bounds.into_keys().collect())]),
            from,
            uncommitted: BTreeMap::new(),
            in_trouble: false,
            has_ended: false,
        })
    }

    /// The next input; `None` if more has to be read for it. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Input> {
        if let Some(input) = self.ready.pop_front() {
            return Some(input);
        }
        if self.has_ended {
            return std::future::pending().await;
        }
        self.has_ended = self.cursor.is_done();
        self.has_ended.then_some(Input::End)
    }

    /// Takes records, and the offset after them per partition: the last offsets may have no record,
    /// as after the last transaction.
    pub(super) fn read(
        &mut self,
        records: Vec<Fetched>,
        next_offsets: impl IntoIterator<Item = (u32, u64)>,
    ) {
        let records = self.cursor.take(records);
        for (partition, next) in next_offsets {
            self.cursor.skip_to(partition, next);
        }
        if std::mem::take(&mut self.in_trouble) {
            tracing::info!("reading from {} again", self.from);
            self.ready.push_back(Input::Recovered);
        }
        if !records.is_empty() {
            self.ready.push_back(Input::Records(records));
        }
    }

    /// Notes that reading failed.
    pub(super) fn unavailable(&mut self, error: &dyn Error) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            let reason = in_words(error);
            tracing::warn!(reason, "can't read from {}; waiting for it", self.from);
            self.ready.push_back(Input::Unavailable { reason });
        }
    }

    /// Takes settled positions, and returns all that are not committed yet.
    pub(super) fn settled(&mut self, positions: &[(u32, u64)]) -> Vec<(u32, u64)> {
        self.uncommitted.extend(positions.iter().copied());
        self.uncommitted.clone().into_iter().collect()
    }

    /// Notes that what [`settled`](Self::settled) has returned is committed.
    pub(super) fn committed(&mut self, positions: &[(u32, u64)]) {
        self.uncommitted.clear();
        self.cursor.settled(positions);
    }
}
