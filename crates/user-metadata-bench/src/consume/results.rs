use super::candidate::{Candidate, Sample};
use crate::verdict::Verdict;

/// What all candidates took.
#[derive(Debug, Default)]
pub(crate) struct Results(Vec<(Candidate, Sample)>);

/// What is held: the rate of one against another's.
const GOALS: [(Candidate, Candidate, &str, f64); 6] = [
    (
        Candidate::EVENTS,
        Candidate::Raw,
        "events against the COPY",
        0.9,
    ),
    (
        Candidate::EVENTS_TWICE,
        Candidate::Raw,
        "two partitions against it",
        1.3,
    ),
    (
        Candidate::USERS,
        Candidate::Raw,
        "with users against it",
        0.45,
    ),
    (
        Candidate::USERS_TWICE,
        Candidate::Raw,
        "with users, two partitions",
        0.7,
    ),
    (
        Candidate::EVENTS,
        Candidate::Benthos,
        "events against Benthos",
        5.0,
    ),
    (
        Candidate::EVENTS,
        Candidate::Node,
        "events against an insert each",
        100.0,
    ),
];

impl Results {
    pub(crate) fn add(&mut self, candidate: Candidate, sample: Sample) {
        self.0.push((candidate, sample));
    }

    pub(crate) fn print(&self, verdict: &mut Verdict) {
        println!(
            "{:<32} {:>28} {:>24}",
            "", "events/s", "client's CPU, µs an event"
        );
        for candidate in Candidate::ALL {
            println!(
                "{:<32} {:>28} {:>24}",
                candidate.name(),
                self.spread(candidate, Sample::rate, 0),
                self.spread(candidate, Sample::cpu, 2),
            );
        }
        for (candidate, against, what, floor) in GOALS {
            let ratio = self.median(candidate) / self.median(against);
            verdict.check(
                format_args!("  {what}: {ratio:.2} ×"),
                &format!("at least {floor}"),
                ratio >= floor,
            );
        }
    }

    fn median(&self, candidate: Candidate) -> f64 {
        let sorted = self.sorted(candidate, Sample::rate);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The median with the lowest and the highest.
    fn spread(&self, candidate: Candidate, of: fn(&Sample) -> f64, digits: usize) -> String {
        let sorted = self.sorted(candidate, of);
        match (sorted.first(), sorted.get(sorted.len() / 2), sorted.last()) {
            (Some(low), Some(median), Some(high)) => {
                format!("{median:.digits$} ({low:.digits$}–{high:.digits$})")
            }
            _ => "–".to_owned(),
        }
    }

    fn sorted(&self, candidate: Candidate, of: fn(&Sample) -> f64) -> Vec<f64> {
        let samples = self.0.iter().filter(|(by, _)| *by == candidate);
        let mut values: Vec<f64> = samples.map(|(_, sample)| of(sample)).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}
