//! A topic on Kafka or in an embedded log, and the events of the tests.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use tokio_util::sync::CancellationToken;
use user_metadata_consumer::{
    Consumer, ConsumerBuilder, Delivery, Record, Rejection, Sink, SinkError, UnixMillis,
    UserMetadataEvent,
};
use user_metadata_events::{ClientId, ConnectionInfo, EventId, Metadata, User, partition_for_key};
use user_metadata_kafka::{
    Compression, KafkaOptions, KafkaRecord, Producer, TopicAdmin, TopicSpec,
};
use user_metadata_log::{Batch, DataDir, GroupPositions, LogOptions, LogRecord, LogWriter};
use user_metadata_testing::process::{Ended, Program, Running};
use user_metadata_testing::{Scratch, until};

/// The program as built for this test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_metadata-consumer");

pub(crate) const LONG: Duration = Duration::from_secs(60);
const PARTITIONS: NonZeroU32 = NonZeroU32::new(3).unwrap();

/// A topic that no other test uses.
pub(crate) struct Topic {
    pub(crate) scratch: Scratch,
    pub(crate) name: String,
    brokers: Option<String>,
    /// The time of event 0.
    begun: u64,
}

impl Topic {
    pub(crate) fn embedded() -> Self {
        Self::new("user-metadata".to_owned(), None)
    }

    pub(crate) fn on_kafka(brokers: String) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = UnixMillis::from(SystemTime::now()).as_u64();
        let name = format!("replay-{now}-{}-{count}", std::process::id());
        Self::new(name, Some(brokers))
    }

    fn new(name: String, brokers: Option<String>) -> Self {
        // Retention would delete old events.
        let now = UnixMillis::from(SystemTime::now()).as_u64();
        Self {
            scratch: Scratch::new("replay"),
            name,
            brokers,
            begun: now - 3_600_000,
        }
    }

    /// The flags that name it.
    pub(crate) fn flags(&self) -> Vec<String> {
        let (flag, value) = match &self.brokers {
            Some(brokers) => ("--brokers", brokers.clone()),
            None => ("--data-dir", self.scratch.file("data")),
        };
        let flags = [flag, &value, "--topic", &self.name];
        flags.map(ToOwned::to_owned).to_vec()
    }

    fn kafka(&self) -> Option<KafkaOptions> {
        let brokers = self.brokers.as_ref()?;
        Some(KafkaOptions::new(brokers.split(',')).unwrap())
    }

    fn dir(&self) -> DataDir {
        DataDir::new(self.scratch.path().join("data"))
    }

    /// The time of the event with that number.
    pub(crate) fn at(&self, number: u64) -> UnixMillis {
        UnixMillis::new(self.begun + number).unwrap()
    }

    /// An event of one of twenty users, with its number in the name.
    pub(crate) fn record(&self, number: u64) -> Record {
        let user = User::new(format!("user-{}", number % 20), number.to_string(), None).unwrap();
        let connection = ConnectionInfo::new(ClientId::from_parts(self.at(0), 1));
        let id = EventId::from_parts(self.at(number), number.into());
        let event = UserMetadataEvent::new(id, user, Metadata::default(), connection);
        event.to_record("/test", None).unwrap()
    }

    /// Appends to the partitions of the keys.
    pub(crate) async fn publish(&self, records: impl IntoIterator<Item = Record>) {
        let mut parts: BTreeMap<u32, Vec<Record>> = BTreeMap::new();
        for record in records {
            let partition = partition_for_key(record.key.as_deref().unwrap(), PARTITIONS);
            parts.entry(partition).or_default().push(record);
        }
        match self.kafka() {
            Some(options) => self.produce(&options, parts).await,
            None => self.append(parts),
        }
    }

    async fn produce(&self, options: &KafkaOptions, parts: BTreeMap<u32, Vec<Record>>) {
        let spec = TopicSpec::new(&self.name, PARTITIONS, NonZeroU16::MIN).unwrap();
        let producer = Producer::connect(options, &spec).await.unwrap();
        for (partition, records) in parts {
            let records: Vec<_> = records.into_iter().map(to_kafka).collect();
            let produce = || producer.produce(partition, &records, Compression::None);
            // A new topic has no leaders for a moment.
            let produced = async {
                while let Err(error) = produce().await {
                    assert!(error.is_retriable(), "{error:?}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(LONG, produced).await.unwrap();
        }
    }

    fn append(&self, parts: BTreeMap<u32, Vec<Record>>) {
        let path = self.dir().topic_path();
        let mut writer = LogWriter::open(path, LogOptions::default()).unwrap();
        for (partition, records) in parts {
            let records: Vec<_> = records.into_iter().map(to_log).collect();
            let records = &records;
            writer.append(&[Batch { partition, records }]).unwrap();
        }
    }

    /// The positions of a group of the topic.
    pub(crate) async fn positions(&self, group: &str) -> BTreeMap<u32, u64> {
        match self.kafka() {
            Some(options) => {
                let admin = TopicAdmin::connect(&options).await.unwrap();
                admin.committed(group, &self.name).await.unwrap()
            }
            None => GroupPositions::peek(&self.dir(), group).unwrap(),
        }
    }

    pub(crate) fn builder(&self) -> ConsumerBuilder {
        let builder = match self.kafka() {
            Some(options) => Consumer::builder().kafka(options),
            None => Consumer::builder().log(self.dir().path()),
        };
        let builder = builder.topic(&self.name).group(&self.name);
        builder.batch_max_wait(Duration::from_millis(20))
    }

    /// Consumes everything as the sink `sqlite`, which rejects every event except those of user-0, and
    /// waits until there are this many dead letters.
    pub(crate) async fn reject(&self, letters: u64) {
        let consumer = self.builder().sink("sqlite", Reject).build().unwrap();
        let (status, stop) = (consumer.status(), CancellationToken::new());
        let running = tokio::spawn(consumer.run(stop.clone()));
        let rejected = async {
            while status.sinks()[0].dead_lettered < letters {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, rejected).await.unwrap();
        stop.cancel();
        assert_eq!(
            running.await.unwrap().unwrap().sinks[0].dead_lettered,
            letters
        );
    }

    pub(crate) fn start(&self, command: &[&str], flags: &[&str]) -> Running {
        self.start_as(&self.name, command, flags)
    }

    fn start_as(&self, group: &str, command: &[&str], flags: &[&str]) -> Running {
        let program = Program::new(PROGRAM)
            .args(command)
            .args(self.flags())
            .args(["--group", group])
            .args(flags)
            .current_dir(self.scratch.path());
        program.start().unwrap()
    }

    pub(crate) fn replay(&self, flags: &[&str]) -> Ended {
        self.start(&["replay"], flags).wait()
    }

    /// [`replay`](Self::replay) as another group.
    pub(crate) fn replay_as(&self, group: &str, flags: &[&str]) -> Ended {
        self.start_as(group, &["replay"], flags).wait()
    }
}

/// Rejects every event except those of user-0.
pub(crate) struct Reject;

impl Sink for Reject {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let rejected = batch.iter().enumerate();
        let rejected = rejected.filter(|(_, delivery)| delivery.event.user_id != "user-0");
        Ok(rejected
            .map(|(index, _)| Rejection::new(index, "no room for it"))
            .collect())
    }
}

/// The names of the stored users, which are the events' numbers, sorted; empty before there is a
/// table.
pub(crate) fn stored(path: &str) -> Vec<u64> {
    let numbers = || -> rusqlite::Result<Vec<u64>> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, flags)?;
        let mut rows = connection.prepare("SELECT username FROM events")?;
        let rows = rows.query_map((), |row| row.get::<_, String>(0))?;
        rows.map(|name| Ok(name?.parse().unwrap())).collect()
    };
    let mut numbers = numbers().unwrap_or_default();
    numbers.sort_unstable();
    numbers
}

pub(crate) fn until_stored(path: &str, rows: usize) {
    until(&format!("{rows} rows"), LONG, || {
        (stored(path).len() >= rows).then_some(())
    });
}

pub(crate) fn said(ended: &Ended) -> String {
    ended.stderr.join("\n")
}

/// The numbers that a sink rejects.
pub(crate) fn rejected(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.filter(|number| number % 20 != 0).collect()
}

fn to_kafka(record: Record) -> KafkaRecord {
    KafkaRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp_ms: record.timestamp.as_i64(),
    }
}

fn to_log(record: Record) -> LogRecord {
    LogRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp_ms: record.timestamp.as_i64(),
    }
}
