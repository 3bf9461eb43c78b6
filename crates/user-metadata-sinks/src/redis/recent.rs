use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::row::Row;
use crate::fence::Place;

/// What Redis acknowledged recently, in order. A Redis that syncs its file every second may lose it
/// in a crash, and it won't be delivered again.
#[derive(Debug, Default)]
pub(super) struct Recent {
    rows: VecDeque<(Instant, Row)>,
}

impl Recent {
    /// Redis syncs every second, and delays writes if a sync takes longer than two.
    const KEPT: Duration = Duration::from_secs(5);
    /// About 300 bytes each.
    const MAX: usize = 150_000;

    pub(super) fn add(&mut self, rows: Vec<Row>) {
        let now = Instant::now();
        self.rows.extend(rows.into_iter().map(|row| (now, row)));
        let old = |(at, _): &(Instant, Row)| now.duration_since(*at) > Self::KEPT;
        while self.rows.len() > Self::MAX || self.rows.front().is_some_and(old) {
            self.rows.pop_front();
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().map(|(_, row)| row)
    }

    /// The first offset of a partition that is still kept.
    pub(super) fn first_offset(&self, place: &Place) -> Option<u64> {
        let mut rows = self.rows().filter(|row| row.place == *place);
        rows.next().map(|row| row.offset)
    }

    /// Forgets a partition whose topic is no longer the same.
    pub(super) fn forget(&mut self, place: &Place) {
        self.rows.retain(|(_, row)| row.place != *place);
    }
}
