use crate::Dropped;

/// Decides when lost events are reported: the first of an incident at once, the others together at
/// its end.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    seen: Dropped,
    reported: Dropped,
    /// How many checks in a row have seen no new loss; `None` outside an incident.
    quiet: Option<u32>,
}

impl Losses {
    /// An incident is over after this many checks in a row without a new loss.
    const QUIET: u32 = 10;

    /// Checks what has been lost so far; returns what to report now.
    pub(crate) fn observe(&mut self, dropped: Dropped) -> Option<Dropped> {
        let is_new = dropped != self.seen;
        self.seen = dropped;
        match &mut self.quiet {
            None if is_new => {
                self.quiet = Some(0);
                self.report()
            }
            None => None,
            Some(quiet) if is_new => {
                *quiet = 0;
                None
            }
            Some(quiet) => {
                *quiet += 1;
                if *quiet < Self::QUIET {
                    return None;
                }
                self.quiet = None;
                self.report()
            }
        }
    }

    /// The last check; returns all that was not reported.
    pub(crate) fn finish(&mut self, dropped: Dropped) -> Option<Dropped> {
        self.seen = dropped;
        self.report()
    }

    fn report(&mut self) -> Option<Dropped> {
        let lost = self.seen.since(&self.reported);
        self.reported = self.seen;
        (lost.total() > 0).then_some(lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DropReason;

    /// What is reported when the total of lost events takes the values `totals`.
    fn reports(totals: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut losses = Losses::default();
        let reports = totals.into_iter().filter_map(|total| {
            let mut dropped = Dropped::default();
            dropped.add(DropReason::QueueFull, total);
            Some(losses.observe(dropped)?.total())
        });
        reports.collect()
    }

    #[test]
    fn a_short_loss_is_one_report_with_its_count() {
        let quiet = std::iter::repeat_n(7, 30);
        assert_eq!(reports([0, 0, 7].into_iter().chain(quiet)), [7]);
    }

    #[test]
    fn a_long_loss_is_reported_when_it_begins_and_when_it_is_over() {
        let quiet = std::iter::repeat_n(3_000, 30);
        let again = std::iter::once(3_001);
        assert_eq!(
            reports((1..=3_000).chain(quiet).chain(again)),
            [1, 2_999, 1]
        );
    }

    #[test]
    fn the_end_reports_the_rest() {
        let mut losses = Losses::default();
        let mut dropped = Dropped::default();
        dropped.add(DropReason::QueueFull, 1);
        assert_eq!(losses.observe(dropped), Some(dropped));
        dropped.add(DropReason::Rejected, 4);
        assert_eq!(losses.observe(dropped), None);
        let rest = losses.finish(dropped).unwrap();
        assert_eq!((rest.total(), rest.get(DropReason::Rejected)), (4, 4));
        assert_eq!(losses.finish(dropped), None);
    }
}
