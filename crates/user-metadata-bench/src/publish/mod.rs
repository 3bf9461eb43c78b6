//! What publishing costs compared with other Kafka clients: each in its own process, all with the
//! same records, in turns.

mod candidate;
pub(crate) mod events;
mod goal;
mod meter;
mod ours;
mod results;

use std::fmt;

use user_metadata_testing::Scratch;

use self::candidate::{Candidate, Stage};
pub(crate) use self::ours::{FROM_DISK, FROM_MEMORY, publish};
use self::results::Results;
use crate::Failure;
use crate::verdict::Verdict;

/// The topic and the compression of all candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) partitions: u32,
    pub(crate) compression: &'static str,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.partitions == 1 { "" } else { "s" };
        write!(
            f,
            "{} partition{plural}, {}",
            self.partitions, self.compression
        )
    }
}

const ROUNDS: u32 = 3;

/// Prints rate, processor time and memory of every candidate, and checks ours against its goals. A
/// quick measurement has one topic instead of two, and half the time.
pub(crate) fn measure(brokers: &str, is_quick: bool, verdict: &mut Verdict) -> Result<(), Failure> {
    let scratch = Scratch::new("bench-publish");
    let path = scratch.file("events");
    events::write(path.as_ref())?;
    let (partitions, seconds) = if is_quick {
        (&[3][..], 2)
    } else {
        (&[1, 3][..], 4)
    };
    let mut stage = Stage::new(brokers, path, seconds)?;
    let setups = partitions.iter().flat_map(|partitions| {
        ["none", "lz4"].map(|compression| Setup {
            partitions: *partitions,
            compression,
        })
    });
    let mut results: Vec<Results> = setups.map(Results::new).collect();
    // The broker is slow until the JVM has compiled its hot code.
    for results in &results {
        stage.run(Candidate::Rdkafka, results.setup)?;
    }
    for round in 1..=ROUNDS {
        eprintln!("round {round} of {ROUNDS}");
        for results in &mut results {
            for candidate in Candidate::ALL {
                if candidate.takes_part(results.setup) {
                    results.add(candidate, stage.run(candidate, results.setup)?);
                }
            }
        }
    }
    println!("publishing for {seconds} s, median of {ROUNDS} (lowest to highest):");
    for results in &results {
        results.print(verdict);
    }
    println!("{NOTES}");
    Ok(())
}

const NOTES: &str = "\
All wrote the same records, acks=all: key, 500 bytes of JSON, the six headers of CloudEvents. The
processor time of making events is not counted; that of making records of them (JSON, headers,
partition) is, except where it says `finished`, and for kafkajs: there it is the client alone, without
what its caller does. Rates are those of one machine
that runs the broker too: compare, don't quote.";
