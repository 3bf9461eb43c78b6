//! A Kafka, and a folder in which each ws-server finds what the previous one has left.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use user_metadata_testing::kafka::{self, Broker};
use user_metadata_testing::load::{SteadyJoins, SteadyLoad, TimedJoin};
use user_metadata_testing::process::{Ended, Program, WsServer};
use user_metadata_testing::{Missing, Scratch, until};

/// `joined` promises that the event is on disk 5 ms later; the rest is for the reply to reach the
/// client, and for the signal to reach the server.
pub(crate) const ON_DISK: Duration = Duration::from_millis(50);
/// The same if the machine stalls: the syncs of a checkpoint can take 70 ms on a busy disk.
pub(crate) const STALLED: Duration = Duration::from_millis(250);
pub(crate) const TOPIC: &str = "user-metadata";

pub(crate) struct Stage {
    pub(crate) broker: Broker,
    brokers: String,
    pub(crate) data: Scratch,
}

/// The counts of events in `/status`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Events {
    pub(crate) recovered: u64,
    pub(crate) published: u64,
    pub(crate) pending: u64,
    pub(crate) on_disk: u64,
}

impl Stage {
    /// Kafka does not run yet, and the folder is empty.
    pub(crate) fn set() -> Result<Self, Missing> {
        let broker = Broker::stopped()?;
        Ok(Self {
            brokers: broker.address(),
            broker,
            data: Scratch::new("outbox"),
        })
    }

    pub(crate) fn server(&self, more: &[&str]) -> WsServer {
        WsServer::start(&[&self.flags(self.data.path())[..], more].concat())
    }

    /// The flags of a server or a replay with this folder.
    pub(crate) fn flags<'a>(&'a self, data: &'a Path) -> [&'a str; 4] {
        let data = data.to_str().unwrap();
        ["--brokers", &self.brokers, "--data-dir", data]
    }

    /// The ids of the events that wait, in their order; ws-server may run.
    pub(crate) fn waiting(&self) -> Vec<String> {
        let events = outbox("cat", &["--data-dir", self.data.path().to_str().unwrap()]);
        assert_eq!(events.code, Some(0), "{:?}", events.stderr);
        events.stdout.iter().map(|event| id_of(event)).collect()
    }

    /// The events in a topic, as kcat reads it, each with its partition.
    pub(crate) fn arrived(&self, topic: &str) -> Vec<(String, u64)> {
        let records = kafka::records(&self.brokers, topic).unwrap();
        let records = records.iter().map(|record| {
            let record: Value = serde_json::from_str(record).unwrap();
            let id = id_of(record["payload"].as_str().unwrap());
            (id, record["partition"].as_u64().unwrap())
        });
        records.collect()
    }

    /// Asserts that everything that was promised is in the topic, for each user in the order of the
    /// joins; returns the number of duplicates.
    pub(crate) fn assert_arrived(&self, promised: &BTreeSet<String>, joins: &[TimedJoin]) -> usize {
        let events = self.arrived(TOPIC);
        let there: BTreeSet<String> = events.iter().map(|(id, _)| id.clone()).collect();
        assert_all(promised, &there);
        assert_in_order(&events, joins);
        let answered = joins.iter().filter_map(|join| join.reply.as_ref().ok());
        let answered: BTreeSet<String> = answered.cloned().collect();
        // A killed server may have accepted a join without answering it.
        let unknown = there.difference(&answered).count();
        let unanswered = joins.len() - answered.len();
        assert!(unknown <= unanswered, "{unknown} events are of no join");
        events.len() - there.len()
    }
}

/// Runs `ws-server outbox` to its end.
pub(crate) fn outbox(command: &str, flags: &[&str]) -> Ended {
    let program = Program::built("ws-server").args(["outbox", command]);
    program.args(flags).start().unwrap().wait()
}

fn id_of(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event["id"].as_str().unwrap().to_owned()
}

/// The events of a user are in one partition; joins that overlapped have no order, and later copies
/// of an event don't count.
fn assert_in_order(events: &[(String, u64)], joins: &[TimedJoin]) {
    let known = joins
        .iter()
        .filter_map(|join| Some((join.reply.as_deref().ok()?, join)));
    let known: BTreeMap<&str, &TimedJoin> = known.collect();
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<&str, (&TimedJoin, u64)> = BTreeMap::new();
    for (id, partition) in events {
        let Some(join) = known.get(id.as_str()) else {
            continue;
        };
        if !seen.insert(id) {
            continue;
        }
        if let Some((before, home)) = last.insert(&join.user_id, (join, *partition)) {
            assert_eq!(home, *partition, "{} has moved", join.user_id);
            assert!(
                join.answered >= before.due,
                "{join:?} comes after {before:?}"
            );
        }
    }
}

pub(crate) fn assert_all(promised: &BTreeSet<String>, there: &BTreeSet<String>) {
    let lost: Vec<_> = promised.difference(there).collect();
    let all = promised.len();
    assert!(
        lost.is_empty(),
        "{} of {all} are lost: {lost:?}",
        lost.len()
    );
}

/// Begins joins by a fixed set of users in turn.
pub(crate) fn begin(server: &WsServer, per_second: u32) -> SteadyLoad {
    let load = SteadyJoins {
        address: server.listen().address(),
        per_second,
        users: 100,
        large_every: 0,
    };
    load.begin()
}

/// The ids of the events that must be on disk when the server is killed at that instant, if they
/// take this long to get there.
pub(crate) fn promised_at(
    killed: Instant,
    joins: &[TimedJoin],
    on_disk: Duration,
) -> BTreeSet<String> {
    let early = joins
        .iter()
        .filter(|join| join.answered + on_disk <= killed);
    early.map(|join| join.reply.clone().unwrap()).collect()
}

/// What `/status` says; it adds up at any time.
pub(crate) fn events(server: &WsServer) -> Events {
    let status: Value = serde_json::from_str(&server.admin("/status").body).unwrap();
    let events = &status["events"];
    let count = |name: &str| events[name].as_u64().unwrap();
    let dropped = events["dropped"].as_object().unwrap().values();
    let dropped: u64 = dropped.filter_map(Value::as_u64).sum();
    let seen = Events {
        recovered: count("recovered"),
        published: count("published"),
        pending: count("pending"),
        on_disk: count("pendingOnDisk"),
    };
    assert_eq!(
        count("accepted") + seen.recovered,
        seen.published + seen.pending + dropped,
        "{events}"
    );
    assert_eq!(dropped, 0, "{events}");
    seen
}

pub(crate) fn wait_for(
    what: &str,
    server: &WsServer,
    condition: impl Fn(Events) -> bool,
) -> Events {
    until(what, Duration::from_secs(60), || {
        Some(events(server)).filter(|events| condition(*events))
    })
}

/// Stops a server, which ends with 0, and returns the numbers of its last line: what was
/// published, is pending, and was dropped.
pub(crate) fn last_words(server: WsServer) -> [u64; 3] {
    let ended = server.running.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.stderr.join("\n"));
    let last = ended.stderr.last().unwrap();
    ["published", "pending", "dropped"].map(|what| {
        let (before, _) = last
            .split_once(&format!(" {what}"))
            .unwrap_or_else(|| panic!("nothing of {what}: {last}"));
        before.rsplit(' ').next().unwrap().parse().unwrap()
    })
}

/// Numbers that differ in each run, unless the environment has a seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        let named = std::env::var("USER_METADATA_SEED").ok();
        let seed = named.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        eprintln!("USER_METADATA_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        self.0 = hasher.finish();
        self.0 % limit
    }
}
