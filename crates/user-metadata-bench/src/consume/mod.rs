//! From a Kafka topic into a PostgreSQL table, compared with a COPY of the same rows from memory and
//! with other tools, in turns.

mod candidate;
mod raw;
mod results;
mod topic;

use user_metadata_testing::Scratch;
use user_metadata_testing::kafka::Broker;
use user_metadata_testing::postgres::Server;

use self::candidate::{Candidate, Stage};
use self::results::Results;
use crate::Failure;
use crate::publish::events;
use crate::verdict::Verdict;

/// Prints the rate and the processor time of every candidate, and checks ours against its goals.
pub(crate) async fn measure(is_quick: bool, verdict: &mut Verdict) -> Result<(), Failure> {
    let kafka = Broker::start().map_err(|missing| format!("Kafka needs {missing}"))?;
    // The default of a server; tests run without it.
    let server = Server::start_with(&["fsync=on"]);
    let server = server.map_err(|missing| format!("PostgreSQL needs {missing}"))?;
    let scratch = Scratch::new("bench-consumer");
    let path = scratch.file("events");
    events::write(path.as_ref())?;
    let templates = events::read(&path)?;
    let (events, rounds) = if is_quick { (200_000, 1) } else { (600_000, 3) };
    let brokers = kafka.address();
    for partitions in [1, 2] {
        topic::fill(&brokers, partitions, &templates, events).await?;
    }
    let mut stage = Stage::new(&server, brokers, templates, events)?;
    let mut results = Results::default();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for candidate in Candidate::ALL {
            // The slow ones are measured once.
            if round == 1 || !candidate.is_slow() {
                results.add(candidate, stage.run(candidate).await?);
            }
        }
    }
    println!("{events} events into PostgreSQL, median of {rounds} (lowest to highest):\n");
    results.print(verdict);
    println!("{NOTES}");
    Ok(())
}

const NOTES: &str = "\
Events of 500 bytes of 50,000 users in no order, 4,000 in a transaction;
fsync is on. The raw COPY has its rows in memory and writes them into the same partitioned table with
the same indexes; all others read them from Kafka. Benthos and Node.js write into a plain table with
the same indexes, the latter one event after the other. Broker, database and client share one
machine: compare, don't quote.";
