use super::candidate::Candidate::{self, Batcher, Disk, KafkajsEach, Memory, Rdkafka};
use super::candidate::Sample;
use crate::verdict::Verdict;

/// How one candidate must compare with another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    what: &'static str,
    pub(crate) of: fn(&Sample) -> f64,
    pub(crate) candidate: Candidate,
    /// `None`: the bound is for the value itself.
    pub(crate) against: Option<Candidate>,
    bound: Bound,
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Checked in every setup with both candidates.
pub(crate) const GOALS: [Goal; 7] = [
    Goal {
        what: "rate against the bare loop",
        of: Sample::rate,
        candidate: Memory,
        against: Some(Batcher),
        bound: Bound::AtLeast(0.9),
    },
    Goal {
        what: "processor time against rdkafka",
        of: Sample::cpu,
        candidate: Memory,
        against: Some(Rdkafka),
        bound: Bound::AtMost(1.2),
    },
    Goal {
        what: "peak memory against rdkafka",
        of: Sample::memory,
        candidate: Memory,
        against: Some(Rdkafka),
        bound: Bound::AtMost(0.5),
    },
    Goal {
        what: "events/s on disk",
        of: Sample::rate,
        candidate: Disk,
        against: None,
        bound: Bound::AtLeast(100_000.0),
    },
    Goal {
        what: "processor time on disk against in memory",
        of: Sample::cpu,
        candidate: Disk,
        against: Some(Memory),
        bound: Bound::AtMost(2.5),
    },
    Goal {
        what: "rate against kafkajs awaiting each send",
        of: Sample::rate,
        candidate: Memory,
        against: Some(KafkajsEach),
        bound: Bound::AtLeast(25.0),
    },
    Goal {
        what: "its processor time against the publisher's",
        of: Sample::cpu,
        candidate: KafkajsEach,
        against: Some(Memory),
        bound: Bound::AtLeast(30.0),
    },
];

impl Goal {
    pub(crate) fn check(&self, value: f64, against: Option<f64>, verdict: &mut Verdict) {
        let (ratio, value) = match against {
            Some(against) => (value / against, format!("{:.2} ×", value / against)),
            None => (value, format!("{value:.0}")),
        };
        let (bound, holds) = match self.bound {
            Bound::AtLeast(floor) => (format!("at least {floor}"), ratio >= floor),
            Bound::AtMost(ceiling) => (format!("at most {ceiling}"), ratio <= ceiling),
        };
        verdict.check(format_args!("  {}: {value}", self.what), &bound, holds);
    }
}
