use std::path::PathBuf;
use std::time::{Duration, Instant};

use user_metadata_events::UserMetadataEvent;
use user_metadata_testing::postgres::{Database, Server};
use user_metadata_testing::process::{MetadataConsumer, Program};
use user_metadata_testing::{tool, until};

use super::{raw, topic};
use crate::Failure;
use crate::cpu::cpu_time;
use crate::storing::written;

/// What writes the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Candidate {
    Raw,
    /// The consumer from a topic with this many partitions, with or without the table `users`.
    Ours {
        partitions: u32,
        users: bool,
    },
    Benthos,
    Node,
}

/// The result of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    rate: f64,
    cpu: f64,
}

impl Sample {
    pub(crate) fn new(events: f64, seconds: f64, cpu: Duration) -> Self {
        Self {
            rate: events / seconds,
            cpu: cpu.as_secs_f64() * 1e6 / events,
        }
    }

    /// Events per second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// The client's processor time per event in µs.
    pub(crate) fn cpu(&self) -> f64 {
        self.cpu
    }
}

impl Candidate {
    pub(crate) const ALL: [Self; 7] = [
        Self::Raw,
        Self::EVENTS,
        Self::EVENTS_TWICE,
        Self::USERS,
        Self::USERS_TWICE,
        Self::Benthos,
        Self::Node,
    ];
    pub(crate) const EVENTS: Self = Self::ours(1, false);
    pub(crate) const EVENTS_TWICE: Self = Self::ours(2, false);
    pub(crate) const USERS: Self = Self::ours(1, true);
    pub(crate) const USERS_TWICE: Self = Self::ours(2, true);

    const fn ours(partitions: u32, users: bool) -> Self {
        Self::Ours { partitions, users }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raw => "binary COPY out of memory",
            Self::EVENTS => "metadata-consumer, events",
            Self::EVENTS_TWICE => "  from two partitions",
            Self::Ours { partitions: 1, .. } => "  with the table of users",
            Self::Ours { .. } => "  the same, from two partitions",
            Self::Benthos => "Benthos, sql_insert",
            Self::Node => "Node.js, an insert per event",
        }
    }

    pub(crate) fn is_slow(self) -> bool {
        matches!(self, Self::Benthos | Self::Node)
    }
}

/// Where to run the candidates.
pub(crate) struct Stage<'a> {
    server: &'a Server,
    brokers: String,
    templates: Vec<UserMetadataEvent>,
    events: u64,
    peers: PathBuf,
    runs: u32,
}

/// The environment variable with the folder of what `cargo xtask bench consumer` has built.
const PEERS: &str = "USER_METADATA_PEERS";
/// Split over the sink's two connections.
const BATCH: usize = 2 * raw::BATCH;
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the slow ones are measured.
const WATCHED: Duration = Duration::from_secs(15);

impl<'a> Stage<'a> {
    pub(crate) fn new(
        server: &'a Server,
        brokers: String,
        templates: Vec<UserMetadataEvent>,
        events: u64,
    ) -> Result<Self, Failure> {
        let peers = std::env::var_os(PEERS).ok_or("run `cargo xtask bench consumer`")?;
        Ok(Self {
            server,
            brokers,
            templates,
            events,
            peers: peers.into(),
            runs: 0,
        })
    }

    /// Runs a candidate with a database of its own.
    pub(crate) async fn run(&mut self, candidate: Candidate) -> Result<Sample, Failure> {
        self.runs += 1;
        let database = self.server.database();
        let sample = match candidate {
            Candidate::Raw => self.raw(&database).await?,
            Candidate::Ours { partitions, users } => self.ours(&database, partitions, users)?,
            Candidate::Benthos => {
                let config = self.peers.join("benthos.yaml");
                let program = Program::new(self.peers.join("benthos")).args(["-c".into(), config]);
                self.other(&database, program)?
            }
            Candidate::Node => {
                let node = tool("node", "install Node.js, 20 or later");
                let program = Program::new(node.map_err(|missing| missing.to_string())?);
                let program = program.args([self.peers.join("insert.js")]);
                self.other(&database, program)?
            }
        };
        // What a run leaves to be flushed must not count for the next one.
        database.execute("CHECKPOINT");
        Ok(sample)
    }

    async fn raw(&self, database: &Database) -> Result<Sample, Failure> {
        // It uses the sink's tables.
        let consumer = self.consumer(database, 1, "users=off", "--from=latest");
        until("the tables", PATIENCE, || {
            let made = database.try_query("SELECT ensure_partition(now())");
            made.is_ok_and(|rows| rows == ["t"]).then_some(())
        });
        drop(consumer.running.stop());
        raw::copy(database.url(), &self.templates, self.events).await
    }

    fn ours(&self, database: &Database, partitions: u32, users: bool) -> Result<Sample, Failure> {
        let users = if users { "users=on" } else { "users=off" };
        let consumer = self.consumer(database, partitions, users, "--from=earliest");
        let wait_for = |events: u64| {
            until("the consumer", PATIENCE, || {
                let written = written(&consumer.get("/metrics").body);
                (written >= events as f64).then(|| (Instant::now(), written))
            })
        };
        let (start, already) = wait_for(1);
        let cpu = cpu_time(consumer.running.pid())?;
        let (end, written) = wait_for(self.events);
        let cpu = cpu_time(consumer.running.pid())? - cpu;
        let seconds = (end - start).as_secs_f64();
        drop(consumer.running.stop());
        self.check(database)?;
        Ok(Sample::new(written - already, seconds, cpu))
    }

    fn consumer(
        &self,
        database: &Database,
        partitions: u32,
        users: &str,
        from: &str,
    ) -> MetadataConsumer {
        let separator = if database.url().contains('?') {
            '&'
        } else {
            '?'
        };
        let sink = format!("{}{separator}{users}", database.url());
        MetadataConsumer::start(&[
            "--brokers",
            &self.brokers,
            "--topic",
            &topic::name(partitions),
            "--group",
            &format!("bench-{}", self.runs),
            "--batch-max-events",
            &BATCH.to_string(),
            "--sink",
            &sink,
            from,
        ])
    }

    /// Measures a program that writes into a table of its own.
    fn other(&self, database: &Database, program: Program) -> Result<Sample, Failure> {
        database.execute(
            "CREATE TABLE events (id text PRIMARY KEY, user_id text, username text, session_id text,
                timestamp bigint, client_id text, ip text, user_agent text, browser text, os text,
                device text, language text);
             CREATE INDEX ON events (user_id, timestamp)",
        );
        let program = program
            .env("BROKERS", &self.brokers)
            .env("TOPIC", topic::name(1))
            .env("GROUP", format!("bench-{}", self.runs))
            .env("DATABASE_URL", database.url());
        let running = program.start()?;
        until("the first event", PATIENCE, || {
            (count(database).ok()? > 0.0).then_some(())
        });
        let (start, cpu) = (Instant::now(), cpu_time(running.pid())?);
        let already = count(database)?;
        let over = || {
            (start.elapsed() >= WATCHED || count(database).ok()? >= self.events as f64)
                .then_some(())
        };
        until("the end", PATIENCE, over);
        let (seconds, written) = (start.elapsed().as_secs_f64(), count(database)? - already);
        let cpu = cpu_time(running.pid())? - cpu;
        drop(running.kill());
        Ok(Sample::new(written, seconds, cpu))
    }

    /// Whether every event is stored, once.
    fn check(&self, database: &Database) -> Result<(), Failure> {
        let stored = database.query("SELECT count(*), count(DISTINCT id) FROM events");
        let expected = format!("{0}|{0}", self.events);
        match stored == [expected.as_str()] {
            true => Ok(()),
            false => Err(format!("{stored:?} events are stored instead of {expected}").into()),
        }
    }
}

fn count(database: &Database) -> Result<f64, Failure> {
    let rows = database.try_query("SELECT count(*) FROM events")?;
    Ok(rows.first().ok_or("no count")?.parse()?)
}
