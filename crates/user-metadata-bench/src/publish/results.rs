use super::Setup;
use super::candidate::{Candidate, Sample};
use super::goal::GOALS;
use crate::spread::Spread;
use crate::verdict::Verdict;

/// The results of the candidates in one setup.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) setup: Setup,
    samples: Vec<(Candidate, Sample)>,
}

impl Results {
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            samples: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, candidate: Candidate, sample: Sample) {
        self.samples.push((candidate, sample));
    }

    /// Prints the table, and the goals of ours against the others.
    pub(crate) fn print(&self, verdict: &mut Verdict) {
        println!(
            "\n{:<28} {:>28} {:>22} {:>20}",
            self.setup.to_string(),
            "events/s",
            "CPU, µs/event",
            "peak memory, MiB"
        );
        for candidate in Candidate::ALL {
            let spread = |of, digits| self.spread(candidate, of, digits);
            let rate = spread(Sample::rate, 0);
            if let Some(rate) = rate {
                println!(
                    "  {:<26} {rate:>28} {:>22} {:>20}",
                    candidate.name(),
                    spread(Sample::cpu, 2).unwrap_or_default(),
                    spread(Sample::memory, 0).unwrap_or_default(),
                );
            }
        }
        for goal in GOALS {
            let median = |candidate| self.median(candidate, goal.of);
            let against = goal.against.map(median);
            // The other candidate may not be in this setup.
            if let (Some(value), false) = (median(goal.candidate), against == Some(None)) {
                goal.check(value, against.flatten(), verdict);
            }
        }
    }

    fn median(&self, candidate: Candidate, of: fn(&Sample) -> f64) -> Option<f64> {
        self.of(candidate, of).median()
    }

    fn spread(
        &self,
        candidate: Candidate,
        of: fn(&Sample) -> f64,
        digits: usize,
    ) -> Option<String> {
        self.of(candidate, of).in_words(digits)
    }

    fn of(&self, candidate: Candidate, of: fn(&Sample) -> f64) -> Spread {
        let samples = self.samples.iter().filter(|(by, _)| *by == candidate);
        Spread::of(samples.map(|(_, sample)| of(sample)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_several_runs_counts_and_their_ends_are_shown() {
        let mut results = Results::new(Setup {
            partitions: 3,
            compression: "none",
        });
        for rate in [300.0, 100.0, 200.0] {
            results.add(Candidate::Memory, Sample::new(rate, 2.0, 3.0));
        }
        assert_eq!(results.median(Candidate::Memory, Sample::rate), Some(200.0));
        let spread = results.spread(Candidate::Memory, Sample::rate, 0);
        assert_eq!(spread.as_deref(), Some("200 (100–300)"));
        assert_eq!(results.median(Candidate::Rdkafka, Sample::rate), None);
    }
}
