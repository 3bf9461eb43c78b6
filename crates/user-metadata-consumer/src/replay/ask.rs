use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use user_metadata_events::UnixMillis;

use super::course::{Course, Wanted};
use super::error::ReplayError;
use super::progress::{Shared, Track};
use super::replayer::Setting;
use super::what::ReplayOf;

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
    pub(super) fn new(setting: &Setting, sink: &Arc<str>, what: &ReplayOf) -> Self {
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
    pub(super) fn counting(setting: &Setting, what: &ReplayOf) -> Self {
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
pub(super) fn letters_group(group: &str, sink: &str) -> String {
    format!("{group}.{sink}.replay")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::ReplayProgress;

    fn ask(what: ReplayOf) -> Ask {
        Ask {
            topic: "user-metadata".to_owned(),
            group: None,
            what,
            wanted: Wanted::All,
            max_events: 10,
            progress: Track::shared(&Arc::from("own")),
        }
    }

    /// What of partitions with the offsets 10 to 20 is read.
    fn ranges(what: ReplayOf, starts: &[(u32, u64)]) -> Vec<(u32, Range<u64>)> {
        let ask = ask(what);
        let bounds = BTreeMap::from([(0, 10..20), (1, 10..20), (2, 10..20)]);
        let starts = starts.iter().copied().collect();
        drop(ask.course(&bounds, &starts).unwrap());
        let progress = ReplayProgress::new(vec![ask.progress]);
        progress.sinks().remove(0).partitions.into_iter().collect()
    }

    #[test]
    fn letters_go_on_where_the_group_stands_unless_the_topic_is_another_one() {
        let standing = [(0, 15), (1, 3), (2, 21)];
        let expected = [(0, 15..20), (1, 10..20), (2, 10..20)];
        assert_eq!(ranges(ReplayOf::DeadLetters, &standing), expected);
    }

    #[test]
    fn events_begin_at_a_time_or_an_offset_and_never_beyond_what_there_is() {
        let time = UnixMillis::new(1);
        let found = [(0, 12)];
        let expected = [(0, 12..20), (1, 20..20), (2, 20..20)];
        assert_eq!(ranges(ReplayOf::events_from(time), &found), expected);
        let all = [(0, 10..20), (1, 10..20), (2, 10..20)];
        assert_eq!(ranges(ReplayOf::events_from(None), &[]), all);
        let between = ReplayOf::Events {
            from: time,
            until: None,
            from_offsets: Some(BTreeMap::from([(0, 0), (1, 18), (2, 99)])),
            until_offsets: BTreeMap::from([(0, 12), (1, 5), (2, 99)]),
        };
        let expected = [(0, 10..12), (1, 5..5), (2, 20..20)];
        assert_eq!(ranges(between, &[]), expected);
    }

    #[test]
    fn a_partition_that_is_not_there_is_named_with_those_that_are() {
        let what = ReplayOf::Events {
            from: None,
            until: None,
            from_offsets: None,
            until_offsets: BTreeMap::from([(3, 1)]),
        };
        let bounds = BTreeMap::from([(0, 0..1), (1, 0..1)]);
        let error = ask(what).course(&bounds, &BTreeMap::new()).err().unwrap();
        let words = "`user-metadata` has no partition 3; it has 0 to 1";
        assert_eq!(error.to_string(), words);
    }

    #[test]
    fn what_is_read_and_not_settled_is_still_ahead() {
        let ask = ask(ReplayOf::events_from(None));
        let course = ask.course(&BTreeMap::from([(0, 0..5), (1, 0..3)]), &BTreeMap::new());
        let mut course = course.unwrap();
        let progress = ReplayProgress::new(vec![Arc::clone(&ask.progress)]);
        let record = |offset| crate::pipeline::Fetched {
            partition: 0,
            offset,
            record: user_metadata_events::Record {
                key: None,
                value: Some("".into()),
                headers: Vec::new(),
                timestamp: UnixMillis::EPOCH,
            },
        };
        // 5 lies beyond the end, 3 and 4 are not there.
        let taken = course.take(vec![record(0), record(1), record(2), record(5)]);
        assert_eq!(taken.len(), 3);
        assert!(!course.is_done());
        course.passed(1, 3);
        assert!(course.is_done());
        course.settled(&[(0, 2)]);
        course.finish(Ok(()));
        let sink = progress.sinks().remove(0);
        assert_eq!((sink.done, sink.total, sink.is_done()), (5, 8, false));
        assert_eq!(sink.partitions[&0], 2..5);
        course.settled(&[(0, 3)]);
        course.finish(Ok(()));
        assert_eq!((progress.done(), progress.total()), (8, 8));
    }
}
