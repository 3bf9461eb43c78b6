use std::path::{Path, PathBuf};

use serde_json::Value;
use user_metadata_testing::kafka::kcat;
use user_metadata_testing::process::Program;

use super::{Setup, events, ours};
use crate::Failure;

/// What publishes the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    Memory,
    Disk,
    Batcher,
    Rskafka,
    Rdkafka,
    RdkafkaRecords,
    KafkajsEach,
    KafkajsBatches,
}

/// The result of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    rate: f64,
    cpu: f64,
    memory: f64,
}

impl Sample {
    pub(crate) fn new(rate: f64, cpu: f64, memory: f64) -> Self {
        Self { rate, cpu, memory }
    }

    /// Events per second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// Processor time per event in µs.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu
    }

    /// Peak resident memory in MiB.
    pub(crate) fn memory(&self) -> f64 {
        self.memory
    }
}

/// Where to run the candidates.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) brokers: &'a str,
    /// The file of events.
    pub(crate) events: String,
    pub(crate) seconds: u32,
    peers: PathBuf,
    runs: u32,
}

/// The environment variable with the folder of what `cargo xtask bench publish` has built.
const PEERS: &str = "USER_METADATA_PEERS";
const HEADERS: &str = "ce_id,ce_source,ce_specversion,ce_time,ce_type,content-type";

impl Candidate {
    pub(crate) const ALL: [Self; 8] = [
        Self::Memory,
        Self::Disk,
        Self::Batcher,
        Self::Rskafka,
        Self::Rdkafka,
        Self::RdkafkaRecords,
        Self::KafkajsEach,
        Self::KafkajsBatches,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "publisher, outbox in memory",
            Self::Disk => "publisher, outbox on disk",
            Self::Batcher => "bare rskafka loop, from events",
            Self::Rskafka => "rskafka, finished batches",
            Self::Rdkafka => "rdkafka, from events",
            Self::RdkafkaRecords => "rdkafka, finished records",
            Self::KafkajsEach => "kafkajs, 64 await each send",
            Self::KafkajsBatches => "kafkajs, batches of 500",
        }
    }

    /// kafkajs has no built-in lz4.
    pub(crate) fn takes_part(self, setup: Setup) -> bool {
        !matches!(self, Self::KafkajsEach | Self::KafkajsBatches) || setup.compression == "none"
    }

    fn program(self, peers: &Path) -> Result<Program, Failure> {
        let ours = |command| Ok(Program::new(std::env::current_exe()?).args([command]));
        let rust = |command| Ok(Program::new(peers.join("peers")).args([command]));
        let node = |mode| {
            let node = user_metadata_testing::tool("node", "install Node.js, 20 or later");
            let program = Program::new(node.map_err(|missing| missing.to_string())?);
            Ok(program.args([peers.join("kafkajs.js")]).args([mode]))
        };
        match self {
            Self::Memory => ours(ours::FROM_MEMORY),
            Self::Disk => ours(ours::FROM_DISK),
            Self::Batcher => rust("batcher"),
            Self::Rskafka => rust("rskafka"),
            Self::Rdkafka => rust("rdkafka"),
            Self::RdkafkaRecords => rust("rdkafka-records"),
            Self::KafkajsEach => node("each"),
            Self::KafkajsBatches => node("batches"),
        }
    }
}

impl<'a> Stage<'a> {
    pub(crate) fn new(brokers: &'a str, events: String, seconds: u32) -> Result<Self, Failure> {
        let peers = std::env::var_os(PEERS).ok_or("run `cargo xtask bench publish`")?;
        Ok(Self {
            brokers,
            events,
            seconds,
            peers: peers.into(),
            runs: 0,
        })
    }

    /// Runs a candidate with a topic of its own, and checks that all events arrived.
    pub(crate) fn run(&mut self, candidate: Candidate, setup: Setup) -> Result<Sample, Failure> {
        self.runs += 1;
        let topic = &*format!("publish-{}", self.runs);
        let partitions = setup.partitions.to_string();
        self.topic(&["create-topic", self.brokers, topic, &partitions])?;
        let program = candidate.program(&self.peers)?;
        let program = program.args([self.brokers, topic, &partitions, setup.compression]);
        let program = program.args([&*self.events, &self.seconds.to_string()]);
        let report = report(candidate.name(), program)?;
        self.check(topic, setup.partitions, report.written)?;
        self.topic(&["delete-topic", self.brokers, topic])?;
        Ok(report.sample)
    }

    fn topic(&self, arguments: &[&str]) -> Result<(), Failure> {
        let program = Program::new(self.peers.join("peers")).args(arguments);
        let ended = program.start()?.wait();
        match ended.code {
            Some(0) => Ok(()),
            _ => Err(format!("{arguments:?}: {ended:?}").into()),
        }
    }

    /// Checks with another client how many records there are, and the shape of the first.
    fn check(&self, topic: &str, partitions: u32, written: u64) -> Result<(), Failure> {
        let kcat = |arguments: &[&str]| {
            kcat(self.brokers, arguments).map_err(|missing| missing.to_string())
        };
        let offset = |partition: u32, at: &str| {
            let answer = kcat(&["-Q", "-t", &format!("{topic}:{partition}:{at}")])?;
            let offset = answer.first().and_then(|line| line.rsplit(' ').next());
            Ok::<_, Failure>(offset.ok_or("kcat printed no offset")?.parse::<u64>()?)
        };
        let mut stored = 0;
        for partition in 0..partitions {
            stored += offset(partition, "-1")? - offset(partition, "-2")?;
        }
        if stored != written {
            return Err(
                format!("{written} records were written, {stored} are in the topic").into(),
            );
        }
        let first = [
            "-C", "-t", topic, "-p", "0", "-o", "0", "-c", "1", "-e", "-q", "-f",
        ];
        let first = kcat(&[&first[..], &["%K %S %h\n"]].concat())?;
        let like = first.first().map(|line| likeness(line));
        let expected = format!("10 {} {HEADERS}", events::BYTES);
        if like.as_ref() != Some(&expected) {
            return Err(format!("a record has the shape {like:?} instead of {expected:?}").into());
        }
        Ok(())
    }
}

/// The sizes of key and value, and the names of the headers in their order.
fn likeness(line: &str) -> String {
    let (sizes, headers) = line.rsplit_once(' ').unwrap_or((line, ""));
    let names = headers
        .split(',')
        .filter_map(|header| header.split('=').next());
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    format!("{sizes} {}", names.join(","))
}

struct Report {
    sample: Sample,
    written: u64,
}

fn report(name: &str, program: Program) -> Result<Report, Failure> {
    let ended = program.start()?.wait();
    let printed = ended.stdout.last().filter(|_| ended.code == Some(0));
    let printed = printed.ok_or_else(|| format!("{name}: {ended:?}"))?;
    let report: Value = serde_json::from_str(printed)?;
    let number = |field: &str| {
        let number = report[field].as_f64().filter(|number| *number > 0.0);
        number.ok_or_else(|| format!("{name}: no {field} in {printed}"))
    };
    let events = number("events")?;
    Ok(Report {
        sample: Sample::new(
            events / number("seconds")?,
            number("cpuSeconds")? * 1e6 / events,
            number("peakKiB")? / 1024.0,
        ),
        written: report["written"].as_u64().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_alike_whatever_the_order_of_their_headers() {
        assert_eq!(likeness("10 500 b=1,a=x"), "10 500 a,b");
        assert_eq!(likeness("10 500 "), "10 500 ");
    }
}
