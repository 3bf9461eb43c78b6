//! A whole consumer on a real Kafka. Without Kafka these tests are skipped and counted.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::num::{NonZeroU16, NonZeroU32};
use std::time::{Duration, SystemTime};

use support::{Hang, Running, collect, header, record, until, within};
use tokio::sync::mpsc;
use user_metadata_consumer::{Consumer, ConsumerBuilder, ConsumerHealth, Sink};
use user_metadata_events::{Record, UnixMillis, partition_for_key};
use user_metadata_kafka::{Compression, KafkaOptions, KafkaRecord, Producer, TopicSpec};
use user_metadata_testing::{kafka, require};

const PARTITIONS: NonZeroU32 = NonZeroU32::new(3).unwrap();

/// A topic that no other test uses, and a producer for it.
struct Topic {
    brokers: String,
    options: KafkaOptions,
    name: String,
    producer: Producer,
}

impl Topic {
    async fn new(brokers: String, name: &str) -> Self {
        let now = UnixMillis::from(SystemTime::now()).as_u64();
        let name = format!("consumer-{name}-{now}-{}", std::process::id());
        let options = KafkaOptions::new(brokers.split(',')).unwrap();
        let spec = TopicSpec::new(name.clone(), PARTITIONS, NonZeroU16::MIN).unwrap();
        let producer = Producer::connect(&options, &spec).await.unwrap();
        Self {
            brokers,
            options,
            name,
            producer,
        }
    }

    async fn produce(&self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            let partition = partition_for_key(record.key.as_deref().unwrap(), PARTITIONS);
            let records = [KafkaRecord {
                key: record.key,
                value: record.value,
                headers: record.headers,
                // The broker's retention would remove events from years ago.
                timestamp_ms: UnixMillis::from(SystemTime::now()).as_i64(),
            }];
            // A new topic has no leaders for a moment.
            let produce = || {
                self.producer
                    .produce(partition, &records, Compression::None)
            };
            within(async {
                while let Err(error) = produce().await {
                    assert!(error.is_retriable(), "{error:?}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
        }
    }

    fn builder(&self) -> ConsumerBuilder {
        Consumer::builder()
            .kafka(self.options.clone())
            .topic(&self.name)
            .group(&self.name)
            .batch_max_wait(Duration::from_millis(20))
    }

    /// Starts a consumer with only this sink and waits until it has partitions to read.
    async fn run(&self, sink: impl Sink) -> Running {
        let consumer = Running::start(self.builder().sink("own", sink).build().unwrap());
        until(|| consumer.status.health() == ConsumerHealth::Ready).await;
        consumer
    }
}

fn all(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.collect()
}

#[tokio::test]
async fn a_group_reads_everything_once_and_continues_where_it_stopped() {
    let brokers = require!(kafka::shared());
    let topic = Topic::new(brokers, "resume").await;
    topic.produce((0..20).map(record)).await;
    let (sink, mut collected) = collect();
    let consumer = topic.run(sink).await;
    assert_eq!(collected.numbers(20).await, all(0..20));
    assert_eq!(consumer.status.sinks()[0].partitions, [0, 1, 2]);
    assert_eq!(consumer.stopped().await.sinks[0].written, 20);
    topic.produce((20..30).map(record)).await;
    let (sink, mut collected) = collect();
    let consumer = topic.run(sink).await;
    assert_eq!(collected.numbers(10).await, all(20..30));
    consumer.stopped().await;
    assert!(collected.is_empty());
}

#[tokio::test]
async fn a_crash_before_the_commit_loses_nothing() {
    let brokers = require!(kafka::shared());
    let topic = Topic::new(brokers, "crash").await;
    topic.produce((0..20).map(record)).await;
    let (sender, mut batches) = mpsc::unbounded_channel();
    let crashing = topic.run(Hang(sender)).await;
    within(batches.recv()).await.unwrap();
    crashing.crashed().await;
    let (sink, mut collected) = collect();
    let consumer = topic.run(sink).await;
    assert_eq!(collected.numbers(20).await, all(0..20));
    consumer.stopped().await;
    assert!(collected.is_empty());
}

#[tokio::test]
async fn two_processes_of_a_group_share_the_work_and_lose_nothing() {
    let brokers = require!(kafka::shared());
    let topic = Topic::new(brokers, "share").await;
    // Both write to the same target.
    let (sink, mut collected) = collect();
    let first = topic.run(sink.clone()).await;
    let second = topic.run(sink).await;
    let has_written = |running: &Running| running.status.sinks()[0].written > 0;
    let mut produced = 0;
    within(async {
        while !has_written(&first) || !has_written(&second) {
            topic.produce((produced..produced + 20).map(record)).await;
            produced += 20;
        }
    })
    .await;
    let count = usize::try_from(produced).unwrap();
    assert_eq!(collected.different(count).await, all(0..produced));
    first.stopped().await;
    second.stopped().await;
}

#[tokio::test]
async fn poison_goes_to_the_dead_letter_topic_and_the_rest_is_stored() {
    let brokers = require!(kafka::shared());
    let topic = Topic::new(brokers, "poison").await;
    let mut poison = record(1);
    poison.value = Some("no event".into());
    // It fits into the topic, but with the additional headers not into the dead-letter topic.
    let mut giant = record(3);
    giant.value = Some(vec![b'x'; 1_048_588 - 330].into());
    topic.produce([record(0), poison, giant, record(2)]).await;
    let (sink, mut collected) = collect();
    let consumer = topic.run(sink).await;
    assert_eq!(collected.numbers(2).await, [0, 2]);
    until(|| {
        let sink = &consumer.status.sinks()[0];
        (sink.dead_lettered, sink.lost) == (1, 1)
    })
    .await;
    consumer.stopped().await;

    let letters = format!("{}-dlq", topic.name);
    assert_eq!(
        require!(kafka::partitions(&topic.brokers, &letters)),
        Some(3)
    );
    let format = [
        "-C",
        "-t",
        &letters,
        "-o",
        "beginning",
        "-e",
        "-q",
        "-f",
        "%p|%k|%s|%h\n",
    ];
    let found = require!(kafka::kcat(&topic.brokers, &format));
    let [letter] = found.as_slice() else {
        panic!("one letter: {found:?}")
    };
    let parts: Vec<_> = letter.splitn(4, '|').collect();
    let partition = partition_for_key(b"user-1", PARTITIONS).to_string();
    assert_eq!(parts[..3], [partition.as_str(), "user-1", "no event"]);
    let pairs = parts[3].split(',').filter_map(|pair| pair.split_once('='));
    let headers: Vec<_> = pairs
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .collect();
    assert_eq!(header(&headers, "dlq_topic"), topic.name);
    assert_eq!(header(&headers, "dlq_partition"), partition);
    assert_eq!(header(&headers, "dlq_sink"), "own");
    assert!(header(&headers, "dlq_reason").starts_with("value is not an event: invalid JSON"));
    assert_eq!(header(&headers, "content-type"), "application/json");
}

#[tokio::test]
async fn while_kafka_can_not_be_reached_the_consumer_waits_and_says_so() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let options = KafkaOptions::new([&address]).unwrap();
    let limit = Duration::from_millis(300);
    let options = options
        .with_connect_timeout(limit)
        .with_request_timeout(limit);
    let builder = Consumer::builder().kafka(options).sink("own", collect().0);
    let consumer = Running::start(builder.build().unwrap());
    until(|| !consumer.status.sinks()[0].problems.is_empty()).await;
    let ConsumerHealth::NotReady(reasons) = consumer.status.health() else {
        panic!("it must not be ready")
    };
    assert_eq!(reasons[0], "no sink is running in its group");
    assert!(
        reasons[1].starts_with("own: Kafka is unavailable"),
        "{reasons:?}"
    );
    consumer.stopped().await;
}
