//! A broker that freezes, dies and comes back: each test has one of its own.
#![cfg(all(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)] // helpers

mod support;

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use support::{
    LONG, admin, filled, partitions, produce, read_with_kcat, record, topic, until, within,
};
use tokio::sync::watch;
use user_metadata_kafka::{
    Compression, ConsumeError, GroupConsumer, GroupEvent, GroupOptions, KafkaOptions, ProduceError,
    Producer, TopicSpec,
};
use user_metadata_testing::kafka::{Answer, Broker, Impostor};
use user_metadata_testing::{most_memory, require};

const REQUEST: Duration = Duration::from_secs(2);
/// The longest that a producer call may take, plus some time for a busy machine.
const PRODUCE_LIMIT: Duration = Duration::from_secs(5 * REQUEST.as_secs() + 5);
/// Longer than the broker's own sessions and the shortest session of a group.
const FROZEN: Duration = Duration::from_secs(8);

fn options(broker: &Broker) -> KafkaOptions {
    KafkaOptions::new([broker.address()])
        .unwrap()
        .with_request_timeout(REQUEST)
        .with_connect_timeout(REQUEST)
}

/// Produces while the broker is to stay frozen, and returns the errors.
async fn fail_while_frozen(producer: &Producer) -> Vec<ProduceError> {
    let start = Instant::now();
    let batch = [record("key", "frozen")];
    let mut errors = Vec::new();
    while start.elapsed() < FROZEN {
        let produce = producer.produce(0, &batch, Compression::None);
        errors.push(within(PRODUCE_LIMIT, produce).await.unwrap_err());
    }
    errors
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn producing_fails_in_time_while_the_broker_is_frozen_or_dead_and_works_again_afterwards() {
    let mut broker = require!(Broker::start());
    let topic = topic("producing", 1);
    let producer = filled(&options(&broker), &topic, 1).await;

    broker.freeze();
    let errors = fail_while_frozen(&producer).await;
    let first = &errors[0];
    assert!(matches!(first, ProduceError::Timeout(REQUEST)), "{first:?}");
    assert!(errors.iter().all(ProduceError::is_retriable), "{errors:?}");
    broker.thaw();
    produce(&producer, 0, "thawed").await;

    broker.kill();
    let batch = [record("key", "killed")];
    let killed = producer.produce(0, &batch, Compression::None);
    let error = within(PRODUCE_LIMIT, killed).await.unwrap_err();
    assert!(matches!(error, ProduceError::Unavailable(_)), "{error:?}");
    broker.restart();
    produce(&producer, 0, "restarted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_server_in_the_place_of_the_broker_costs_the_memory_of_one_attempt() {
    const PARTITIONS: u32 = 16;
    let mut broker = require!(Broker::start());
    let topic = topic("impostor", PARTITIONS);
    let producer = filled(&options(&broker), &topic, 1).await;
    broker.kill();
    let _impostor = Impostor::of(&broker, Answer::Http);
    let before = most_memory();
    let producer = Arc::new(producer);
    let calls: Vec<_> = (0..PARTITIONS)
        .map(|partition| {
            let producer = Arc::clone(&producer);
            tokio::spawn(async move {
                let batch = [record("key", "lost")];
                producer.produce(partition, &batch, Compression::None).await
            })
        })
        .collect();
    for call in calls {
        let error = within(PRODUCE_LIMIT, call).await.unwrap().unwrap_err();
        assert!(error.is_retriable(), "{error:?}");
    }
    if let (Some(before), Some(after)) = (before, most_memory()) {
        assert!(after < before + (64 << 20), "{before} B became {after} B");
    }
}

/// Produces the numbers from 0, one after the other, until it is stopped, and returns how many.
async fn count_up(
    producer: Producer,
    progress: watch::Sender<usize>,
    mut stop: watch::Receiver<bool>,
) -> usize {
    let mut done = 0;
    while !*stop.borrow_and_update() {
        produce(&producer, 0, &done.to_string()).await;
        done += 1;
        progress.send_replace(done);
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_the_broker_records_keep_the_order_in_which_they_were_produced() {
    let mut broker = require!(Broker::start());
    let options = options(&broker);
    let topic = topic("order", 1);
    require!(partitions(&options, &topic));
    let producer = Producer::connect(&options, &topic).await.unwrap();
    let (progress, mut seen) = watch::channel(0);
    let (stop, stopped) = watch::channel(false);
    let counting = tokio::spawn(count_up(producer, progress, stopped));
    let mut go_on = async || {
        let from = *seen.borrow_and_update();
        let further = seen.wait_for(|done| *done > from + 100);
        drop(within(LONG, further).await.unwrap());
    };
    go_on().await;
    for _ in 0..2 {
        broker.freeze();
        // Longer than the request timeout, so that the broker writes the request that hangs in the
        // old connection after its repetition was sent.
        let witness = fail_to_connect(&options, &topic);
        within(LONG, witness).await;
        broker.thaw();
        go_on().await;
        broker.kill();
        broker.restart();
        go_on().await;
    }
    stop.send(true).unwrap();
    let count = counting.await.unwrap();

    // Readers keep the first record of each id.
    let mut known = HashSet::new();
    let records = read_with_kcat(&options, &topic).unwrap();
    let values = records
        .iter()
        .map(|record| record["payload"].as_str().unwrap().parse().unwrap());
    let values: Vec<usize> = values.filter(|value| known.insert(*value)).collect();
    assert_eq!(values, (0..count).collect::<Vec<_>>());
}

/// Tries to connect twice, which takes twice the request timeout.
async fn fail_to_connect(options: &KafkaOptions, topic: &TopicSpec) {
    for _ in 0..2 {
        let error = Producer::connect(options, topic).await.unwrap_err();
        assert!(error.is_retriable(), "{error:?}");
    }
}

/// What was logged by this crate in all tests of this file.
static LOGGED: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    struct Writer(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let logged = Arc::<Mutex<Vec<u8>>>::default();
    let writer = Arc::clone(&logged);
    tracing_subscriber::fmt()
        .with_env_filter("user_metadata_kafka=info")
        .with_writer(move || Writer(Arc::clone(&writer)))
        .with_ansi(false)
        .init();
    logged
});

/// How many lines name this group and contain `text`.
fn logged(group: &str, text: &str) -> usize {
    let logged = LOGGED.lock().unwrap();
    let logged = String::from_utf8_lossy(&logged);
    let lines = logged.lines();
    lines
        .filter(|line| line.contains(group) && line.contains(text))
        .count()
}

async fn event(consumer: &mut GroupConsumer, wanted: impl Fn(&GroupEvent) -> bool) {
    within(LONG, async {
        while !wanted(&consumer.next().await.unwrap()) {}
    })
    .await;
}

fn is_records(event: &GroupEvent) -> bool {
    matches!(event, GroupEvent::Records(_))
}

fn is_unavailable(event: &GroupEvent) -> bool {
    matches!(event, GroupEvent::Unavailable { .. })
}

fn group(topic: &TopicSpec) -> GroupOptions {
    let options = GroupOptions::new(topic.name(), topic.name()).unwrap();
    options.with_session_timeout(Duration::from_secs(6))
}

/// Reads and commits until another client sees the commit after the record with `value`. A member
/// that was lost in between gets its partition and these records again.
async fn work_up_to(
    value: &str,
    consumer: &mut GroupConsumer,
    options: &KafkaOptions,
    topic: &TopicSpec,
) {
    let mut wanted = None;
    until(async || {
        let soon = Duration::from_millis(100);
        if let Ok(event) = tokio::time::timeout(soon, consumer.next()).await
            && let GroupEvent::Records(records) = event.unwrap()
        {
            let behind = records.last().unwrap().offset + 1;
            consumer.commit(&[(0, behind)]);
            let mut values = records.iter().map(|read| read.record.value.as_deref());
            if values.any(|read| read == Some(value.as_bytes())) {
                wanted = Some(behind);
            }
        }
        let committed = admin::committed(options, topic).await;
        (wanted.is_some() && committed.get(&0) >= wanted.as_ref()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_continues_after_its_broker_was_frozen_and_after_it_was_killed() {
    LazyLock::force(&LOGGED);
    let mut broker = require!(Broker::start());
    let options = options(&broker);
    let topic = topic("consuming", 1);
    let producer = filled(&options, &topic, 1).await;
    let mut consumer = GroupConsumer::join(&options, group(&topic)).await.unwrap();
    event(&mut consumer, is_records).await;

    broker.freeze();
    consumer.commit(&[(0, 1)]);
    let error = until(async || consumer.last_commit_error()).await;
    assert!(
        matches!(*error, ConsumeError::Timeout(REQUEST)),
        "{error:?}"
    );
    fail_while_frozen(&producer).await;
    event(&mut consumer, is_unavailable).await;
    broker.thaw();
    produce(&producer, 0, "thawed").await;
    work_up_to("thawed", &mut consumer, &options, &topic).await;

    broker.kill();
    event(&mut consumer, is_unavailable).await;
    broker.restart();
    event(&mut consumer, |event| *event == GroupEvent::Recovered).await;
    produce(&producer, 0, "restarted").await;
    work_up_to("restarted", &mut consumer, &options, &topic).await;
    consumer.close().await.unwrap();

    let group = topic.name();
    assert_eq!(logged(group, "WARN"), 2, "one line per outage");
    assert_eq!(logged(group, "reading from Kafka again"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_of_a_frozen_broker_is_closed_in_time() {
    let broker = require!(Broker::start());
    let options = options(&broker);
    let topic = topic("closing", 1);
    filled(&options, &topic, 1).await;
    let mut consumer = GroupConsumer::join(&options, group(&topic)).await.unwrap();
    event(&mut consumer, is_records).await;
    broker.freeze();
    consumer.commit(&[(0, 1)]);
    // The request timeout plus 5 s, and some time for a busy machine.
    let limit = REQUEST + Duration::from_secs(5 + 5);
    let error = within(limit, consumer.close()).await.unwrap_err();
    assert!(error.is_retriable(), "{error:?}");
    broker.thaw();
}
