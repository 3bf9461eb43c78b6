//! How far a sink is behind in each partition, in records and in time.

use std::collections::BTreeMap;
use std::time::SystemTime;

use tokio::time::Instant;
use user_metadata_events::UnixMillis;

use super::source::PartitionOffsets;

/// Per partition, the time of the oldest record.
pub(crate) type Oldest = BTreeMap<u32, UnixMillis>;

/// The partitions of this member.
#[derive(Debug, Default)]
pub(crate) struct Lags(BTreeMap<u32, Lag>);

/// One partition.
#[derive(Debug)]
pub(crate) struct Lag {
    pub(crate) records: u64,
    end: u64,
    /// The time of the oldest record that is not stored. The time of a record that was not read yet
    /// is unknown: it is later than that of the last stored record, and earlier than the moment
    /// when the partition was first seen to have more.
    pub(crate) oldest: Option<UnixMillis>,
    /// Since when nothing has arrived although the source was asked and has more.
    pub(crate) silent: Option<Instant>,
}

impl Lags {
    /// Updates the lags from the current offsets. `held` has the oldest records that were read and
    /// are not stored; the source `is_asked` for more.
    pub(crate) fn update(&mut self, offsets: &[PartitionOffsets], held: &Oldest, is_asked: bool) {
        let mut before = std::mem::take(&mut self.0);
        for entry in offsets {
            let before = before.remove(&entry.partition);
            let lag = Lag::after(before, entry, held.get(&entry.partition), is_asked);
            self.0.insert(entry.partition, lag);
        }
    }

    /// Notes that everything before an offset of the partition is stored, up to a record of this
    /// `time`.
    pub(crate) fn stored(&mut self, partition: u32, next_offset: u64, time: UnixMillis) {
        if let Some(lag) = self.0.get_mut(&partition) {
            lag.records = lag.end.saturating_sub(next_offset);
            lag.oldest = (lag.records > 0).then_some(time);
            lag.silent = None;
        }
    }

    /// Forgets the partitions that belong to another member now.
    pub(crate) fn keep(&mut self, partitions: &[u32]) {
        self.0.retain(|partition, _| partitions.contains(partition));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Lag)> {
        self.0.iter().map(|(partition, lag)| (*partition, lag))
    }

    pub(crate) fn records(&self) -> u64 {
        self.0.values().map(|lag| lag.records).sum()
    }

    /// The time of the oldest record of any partition that is not stored.
    pub(crate) fn oldest(&self) -> Option<UnixMillis> {
        self.0.values().filter_map(|lag| lag.oldest).min()
    }
}

impl Lag {
    fn after(
        before: Option<Self>,
        entry: &PartitionOffsets,
        held: Option<&UnixMillis>,
        is_asked: bool,
    ) -> Self {
        let records = entry.lag_records();
        let (was_old, was_silent) = before.map_or((None, None), |lag| (lag.oldest, lag.silent));
        let is_behind = records > 0 || held.is_some();
        let is_silent = records > 0 && held.is_none() && is_asked;
        let first_seen = || was_old.unwrap_or_else(|| SystemTime::now().into());
        Self {
            records,
            end: entry.end,
            oldest: is_behind.then(|| held.copied().unwrap_or_else(first_seen)),
            silent: is_silent.then(|| was_silent.unwrap_or_else(Instant::now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(end: u64) -> [PartitionOffsets; 1] {
        [PartitionOffsets {
            partition: 0,
            position: 0,
            end,
        }]
    }

    fn at(millis: u64) -> UnixMillis {
        UnixMillis::new(millis).unwrap()
    }

    #[test]
    fn a_record_that_was_read_has_its_own_time_and_others_that_of_the_last_stored() {
        let (mut lags, nothing) = (Lags::default(), Oldest::new());
        lags.update(&offsets(9), &Oldest::from([(0, at(5))]), true);
        assert_eq!(lags.oldest(), Some(at(5)));
        lags.stored(0, 5, at(8));
        lags.update(&offsets(4), &nothing, true);
        assert_eq!((lags.records(), lags.oldest()), (4, Some(at(8))));
        lags.update(&offsets(0), &nothing, true);
        assert_eq!((lags.records(), lags.oldest()), (0, None));
        // After a pause of any length, the next record is new.
        let before = UnixMillis::from(SystemTime::now());
        lags.update(&offsets(1), &nothing, true);
        assert!(lags.oldest() >= Some(before), "{lags:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_is_silent_only_while_its_source_is_asked() {
        let mut lags = Lags::default();
        let is_silent = |lags: &Lags| lags.iter().any(|(_, lag)| lag.silent.is_some());
        lags.update(&offsets(9), &Oldest::new(), true);
        assert!(is_silent(&lags));
        lags.update(&offsets(9), &Oldest::new(), false);
        assert!(!is_silent(&lags), "the sink is busy");
        lags.update(&offsets(9), &Oldest::from([(0, at(5))]), true);
        assert!(!is_silent(&lags), "it came");
        lags.update(&offsets(0), &Oldest::new(), true);
        assert!(!is_silent(&lags), "there is nothing");
    }
}
