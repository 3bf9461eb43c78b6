use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use user_metadata_events::UnixMillis;

use super::cursor::{ReplayCursor, Wanted};
use super::error::ReplayError;
use super::progress::{SharedTrack, Track};
use super::replayer::ReplaySettings;
use super::request::ReplayRequest;

/// What one sink is to get, before the offsets are known.
pub(crate) struct ReplayPlan {
    pub(super) topic: String,
    /// The group whose positions are the start, and are committed.
    pub(super) group: Option<String>,
    pub(super) request: ReplayRequest,
    pub(super) wanted: Wanted,
    pub(super) max_events: usize,
    pub(super) progress: SharedTrack,
}

impl ReplayPlan {
    pub(super) fn new(settings: &ReplaySettings, sink: &Arc<str>, request: &ReplayRequest) -> Self {
        let (topic, group, wanted) = match request {
            ReplayRequest::DeadLetters => (
                settings.dead_letters.clone(),
                Some(letters_group(&settings.group, sink)),
                Wanted::LettersOf(Arc::clone(sink)),
            ),
            ReplayRequest::Events { from, until, .. } => {
                let (from, until) = (*from, *until);
                (settings.topic.clone(), None, Wanted::Events { from, until })
            }
        };
        Self {
            topic,
            group,
            request: request.clone(),
            wanted,
            max_events: settings.limits.max_events.get(),
            progress: Track::shared(sink),
        }
    }

    /// The same without committing, and for dead letters of any sink.
    pub(super) fn counting(settings: &ReplaySettings, request: &ReplayRequest) -> Self {
        let plan = Self::new(settings, &Arc::from(""), request);
        match request {
            ReplayRequest::DeadLetters => Self {
                group: None,
                request: ReplayRequest::events_from(None),
                wanted: Wanted::All,
                ..plan
            },
            ReplayRequest::Events { .. } => plan,
        }
    }

    /// The time at which to start, if any.
    pub(super) const fn time(&self) -> Option<UnixMillis> {
        match &self.request {
            ReplayRequest::Events {
                from,
                from_offsets: None,
                ..
            } => *from,
            _ => None,
        }
    }

    /// Determines the offsets to read from what the partitions hold and where the group or the
    /// period starts.
    pub(super) fn cursor(
        &self,
        bounds: &BTreeMap<u32, Range<u64>>,
        starts: &BTreeMap<u32, u64>,
    ) -> Result<ReplayCursor, ReplayError> {
        self.check_partitions(bounds)?;
        let ranges = bounds.iter().filter_map(|(partition, bounds)| {
            let mut end = bounds.end;
            let start = match &self.request {
                // A position past the end belongs to an earlier topic of the same name.
                ReplayRequest::DeadLetters => {
                    let position = starts.get(partition).filter(|start| **start <= end);
                    position.copied().unwrap_or(bounds.start)
                }
                ReplayRequest::Events {
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
        Ok(ReplayCursor::new(
            ranges,
            bounds,
            self.wanted.clone(),
            Arc::clone(&self.progress),
        ))
    }

    fn check_partitions(&self, bounds: &BTreeMap<u32, Range<u64>>) -> Result<(), ReplayError> {
        let ReplayRequest::Events {
            from_offsets,
            until_offsets,
            ..
        } = &self.request
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

/// The group that keeps which dead letters of a sink have been replayed.
pub(super) fn letters_group(group: &str, sink: &str) -> String {
    format!("{group}.{sink}.replay")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::ReplayProgress;

    fn plan(request: ReplayRequest) -> ReplayPlan {
        ReplayPlan {
            topic: "user-metadata".to_owned(),
            group: None,
            request,
            wanted: Wanted::All,
            max_events: 10,
            progress: Track::shared(&Arc::from("own")),
        }
    }

    /// The offsets that are read of partitions that hold 10 to 20.
    fn ranges(request: ReplayRequest, starts: &[(u32, u64)]) -> Vec<(u32, Range<u64>)> {
        let plan = plan(request);
        let bounds = BTreeMap::from([(0, 10..20), (1, 10..20), (2, 10..20)]);
        let starts = starts.iter().copied().collect();
        drop(plan.cursor(&bounds, &starts).unwrap());
        let progress = ReplayProgress::new(vec![plan.progress]);
        progress.sinks().remove(0).partitions.into_iter().collect()
    }

    #[test]
    fn letters_continue_at_the_groups_position_unless_the_topic_was_recreated() {
        let standing = [(0, 15), (1, 3), (2, 21)];
        let expected = [(0, 15..20), (1, 10..20), (2, 10..20)];
        assert_eq!(ranges(ReplayRequest::DeadLetters, &standing), expected);
    }

    #[test]
    fn events_begin_at_a_time_or_an_offset_and_stay_within_the_topic() {
        let time = UnixMillis::new(1);
        let found = [(0, 12)];
        let expected = [(0, 12..20), (1, 20..20), (2, 20..20)];
        assert_eq!(ranges(ReplayRequest::events_from(time), &found), expected);
        let all = [(0, 10..20), (1, 10..20), (2, 10..20)];
        assert_eq!(ranges(ReplayRequest::events_from(None), &[]), all);
        let between = ReplayRequest::Events {
            from: time,
            until: None,
            from_offsets: Some(BTreeMap::from([(0, 0), (1, 18), (2, 99)])),
            until_offsets: BTreeMap::from([(0, 12), (1, 5), (2, 99)]),
        };
        let expected = [(0, 10..12), (1, 5..5), (2, 20..20)];
        assert_eq!(ranges(between, &[]), expected);
    }

    #[test]
    fn a_partition_that_does_not_exist_is_named_with_those_that_do() {
        let request = ReplayRequest::Events {
            from: None,
            until: None,
            from_offsets: None,
            until_offsets: BTreeMap::from([(3, 1)]),
        };
        let bounds = BTreeMap::from([(0, 0..1), (1, 0..1)]);
        let error = plan(request)
            .cursor(&bounds, &BTreeMap::new())
            .err()
            .unwrap();
        let words = "`user-metadata` has no partition 3; it has 0 to 1";
        assert_eq!(error.to_string(), words);
    }

    #[test]
    fn each_event_tells_from_where_on_the_sink_has_all_that_there_is() {
        let record = |offset: u64, time: u64| crate::pipeline::Fetched {
            partition: 0,
            offset,
            replayed_from: None,
            record: user_metadata_events::Record {
                key: None,
                value: (offset != 14).then(|| "".into()),
                headers: Vec::new(),
                timestamp: UnixMillis::new(time).unwrap(),
            },
        };
        let replayed = |wanted: Wanted, start: u64| {
            let mut plan = plan(ReplayRequest::Events {
                from: None,
                until: None,
                from_offsets: Some(BTreeMap::from([(0, start)])),
                until_offsets: BTreeMap::new(),
            });
            plan.wanted = wanted;
            let bounds = BTreeMap::from([(0, 10..20)]);
            let mut cursor = plan.cursor(&bounds, &BTreeMap::new()).unwrap();
            // 14 is no event, and 15 is not there.
            let records = [(10, 5), (12, 5), (13, 1), (14, 1), (16, 5)];
            let taken = cursor.take(records.map(|(offset, time)| record(offset, time)).into());
            let taken = taken.into_iter().map(|fetched| fetched.replayed_from);
            taken.collect::<Vec<_>>()
        };
        let (first, later) = (Some(0), Some(12));
        assert_eq!(replayed(Wanted::All, 10), [first; 5]);
        assert_eq!(replayed(Wanted::All, 12), [later; 4]);
        let wanted = Wanted::Events {
            from: UnixMillis::new(2),
            until: None,
        };
        assert_eq!(
            replayed(wanted, 12),
            [later, None, None, Some(14)],
            "13 is left out"
        );
        let letters = Wanted::LettersOf(Arc::from("own"));
        assert_eq!(replayed(letters, 10), [None; 5]);
    }

    #[test]
    fn records_that_are_read_but_not_settled_are_still_ahead() {
        let plan = plan(ReplayRequest::events_from(None));
        let cursor = plan.cursor(&BTreeMap::from([(0, 0..5), (1, 0..3)]), &BTreeMap::new());
        let mut cursor = cursor.unwrap();
        let progress = ReplayProgress::new(vec![Arc::clone(&plan.progress)]);
        let record = |offset| crate::pipeline::Fetched {
            partition: 0,
            offset,
            replayed_from: None,
            record: user_metadata_events::Record {
                key: None,
                value: Some("".into()),
                headers: Vec::new(),
                timestamp: UnixMillis::EPOCH,
            },
        };
        // 5 is past the end, and 3 and 4 have no records.
        let taken = cursor.take(vec![record(0), record(1), record(2), record(5)]);
        assert_eq!(taken.len(), 3);
        assert!(!cursor.is_done());
        cursor.skip_to(1, 3);
        assert!(cursor.is_done());
        cursor.settled(&[(0, 2)]);
        cursor.finish(Ok(()));
        let sink = progress.sinks().remove(0);
        assert_eq!((sink.done, sink.total, sink.is_done()), (5, 8, false));
        assert_eq!(sink.partitions[&0], 2..5);
        cursor.settled(&[(0, 3)]);
        cursor.finish(Ok(()));
        assert_eq!((progress.done(), progress.total()), (8, 8));
    }
}
