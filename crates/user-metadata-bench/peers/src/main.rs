//! What user-metadata-publisher is compared with: bare Kafka clients. `cargo xtask bench publish`
//! builds and runs them.

mod batcher;
#[path = "../../src/publish/events.rs"]
#[allow(dead_code, reason = "the parent writes them")]
mod events;
#[path = "../../src/publish/meter.rs"]
mod meter;
mod rdkafka;
mod records;
mod rskafka;
mod topic;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::meter::Meter;
use crate::records::Records;

/// Why a peer failed, for people: no code inspects it.
type Failure = Box<dyn Error + Send + Sync>;

/// What to publish, where and for how long.
struct Run {
    brokers: String,
    topic: String,
    partitions: i32,
    compression: String,
    records: Records,
    /// The file of events.
    path: String,
    limit: Duration,
}

/// The `ce_source` of all records.
const SOURCE: &str = "/ws-server/bench";

/// The publisher's, so that it makes no difference.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match act(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &[&str]) -> Result<(), Failure> {
    match *arguments {
        ["create-topic", brokers, topic, partitions] => {
            topic::create(brokers, topic, partitions.parse()?)
        }
        ["delete-topic", brokers, topic] => topic::delete(brokers, topic),
        ["batcher", ref run @ ..] => batcher::publish(Run::parse(run)?),
        ["rskafka", ref run @ ..] => rskafka::publish(Run::parse(run)?),
        ["rdkafka", ref run @ ..] => rdkafka::publish_events(&Run::parse(run)?),
        ["rdkafka-records", ref run @ ..] => rdkafka::publish_records(&Run::parse(run)?),
        _ => Err(format!("unknown arguments: {arguments:?}").into()),
    }
}

impl Run {
    fn parse(arguments: &[&str]) -> Result<Self, Failure> {
        let [brokers, topic, partitions, compression, events, seconds] = arguments else {
            return Err(format!("unknown arguments: {arguments:?}").into());
        };
        Ok(Self {
            brokers: (*brokers).to_owned(),
            topic: (*topic).to_owned(),
            partitions: partitions.parse()?,
            compression: (*compression).to_owned(),
            records: Records::read(events)?,
            path: (*events).to_owned(),
            limit: Duration::from_secs(seconds.parse()?),
        })
    }
}
