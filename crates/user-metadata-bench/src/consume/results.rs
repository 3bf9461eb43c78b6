use super::candidate::{Candidate, Sample};
use crate::spread::Spread;
use crate::verdict::Verdict;

/// The results of all candidates.
#[derive(Debug, Default)]
pub(crate) struct Results(Vec<(Candidate, Sample)>);

/// A goal: the rate of one relative to that of another.
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
            "", "events/s", "client's CPU, µs/event"
        );
        for candidate in Candidate::ALL {
            println!(
                "{:<32} {:>28} {:>24}",
                candidate.name(),
                self.of(candidate, Sample::rate)
                    .in_words(0)
                    .unwrap_or_default(),
                self.of(candidate, Sample::cpu)
                    .in_words(2)
                    .unwrap_or_default(),
            );
        }
        for (candidate, against, what, floor) in GOALS {
            let rate = |candidate| self.of(candidate, Sample::rate).median();
            let rates = rate(candidate).zip(rate(against));
            let ratio = rates.map_or(f64::NAN, |(rate, against)| rate / against);
            verdict.check(
                format_args!("  {what}: {ratio:.2} ×"),
                &format!("at least {floor}"),
                ratio >= floor,
            );
        }
    }

    fn of(&self, candidate: Candidate, of: fn(&Sample) -> f64) -> Spread {
        let samples = self.0.iter().filter(|(by, _)| *by == candidate);
        Spread::of(samples.map(|(_, sample)| of(sample)))
    }
}
