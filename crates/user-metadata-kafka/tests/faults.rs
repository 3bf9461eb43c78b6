//! A broker that freezes, dies and comes back, on a broker of its own.
#![cfg(all(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)]

mod support;
use std::time::{Duration, Instant};

use support::{record, topic, within};
use user_metadata_kafka::{
    Compression, ConsumeError, GroupConsumer, GroupEvent, GroupOptions, KafkaOptions, ProduceError,
    Producer,
};

const LONG: Duration = Duration::from_secs(60);
const REQUEST: Duration = Duration::from_secs(2);

async fn event(consumer: &mut GroupConsumer, wanted: impl Fn(&GroupEvent) -> bool) {
    within(LONG, async {
        loop {
            let event = consumer.next().await.unwrap();
            println!("{:?} {event:?}", Instant::now());
            if wanted(&event) {
                return;
            }
        }
    })
    .await;
}

fn is_value(value: &'static str) -> impl Fn(&GroupEvent) -> bool {
    move |event| match event {
        GroupEvent::Records(records) => records
            .iter()
            .any(|record| record.record.value.as_deref() == Some(value.as_bytes())),
        _ => false,
    }
}

/// Produces until Kafka takes it, and returns the first error.
async fn insist(producer: &Producer, value: &str) -> Option<ProduceError> {
    let batch = [record("key", value)];
    let mut first = None;
    within(LONG, async {
        while let Err(error) = producer.produce(0, &batch, Compression::None).await {
            assert!(error.is_retriable(), "{error:?}");
            first.get_or_insert(error);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    first
}

#[tokio::test]
async fn both_sides_survive_a_frozen_and_a_killed_broker() {
    tracing_subscriber::fmt()
        .with_env_filter("info,rskafka=warn")
        .with_ansi(false)
        .init();
    let mut broker = support::broker::Broker::start();
    let kafka = KafkaOptions::new([broker.addr()])
        .unwrap()
        .with_request_timeout(REQUEST)
        .with_connect_timeout(REQUEST);
    let topic = topic("faults", 1);
    let producer = Producer::connect(&kafka, &topic).await.unwrap();
    assert!(insist(&producer, "before").await.is_none());
    let group = GroupOptions::new(topic.name(), "group").unwrap();
    let mut consumer = GroupConsumer::join(&kafka, group).await.unwrap();
    event(&mut consumer, is_value("before")).await;

    broker.freeze();
    println!("frozen");
    let started = Instant::now();
    let batch = [record("key", "frozen")];
    let error = producer
        .produce(0, &batch, Compression::None)
        .await
        .unwrap_err();
    assert!(matches!(error, ProduceError::Timeout(REQUEST)), "{error:?}");
    assert!(started.elapsed() < REQUEST + Duration::from_secs(1));
    let error = producer
        .produce(0, &batch, Compression::None)
        .await
        .unwrap_err();
    assert!(error.is_retriable(), "{error:?}");
    println!("second: {error} {:?}", started.elapsed());
    consumer.commit(&[(0, 1)]).unwrap();
    let error = support::until(|| consumer.commit(&[]).err()).await;
    assert!(matches!(error, ConsumeError::Timeout(REQUEST)), "{error:?}");
    println!("commit: {error} {:?}", started.elapsed());
    event(&mut consumer, |event| {
        matches!(event, GroupEvent::Unavailable { .. })
    })
    .await;
    broker.thaw();
    println!("thawed");
    insist(&producer, "thawed").await;
    println!("insisted {:?}", started.elapsed());
    event(&mut consumer, is_value("thawed")).await;
    consumer.commit(&[(0, 2)]).unwrap();
    broker.kill();
    println!("killed");
    let started = Instant::now();
    let error = producer
        .produce(0, &batch, Compression::None)
        .await
        .unwrap_err();
    println!("killed {error:?} {:?}", started.elapsed());
    assert!(matches!(error, ProduceError::Unavailable(_)), "{error:?}");
    event(&mut consumer, |event| {
        matches!(event, GroupEvent::Unavailable { .. })
    })
    .await;
    broker.restart();
    println!("restarted");
    insist(&producer, "restarted").await;
    println!("produced");
    event(&mut consumer, is_value("restarted")).await;
    consumer.close().await.unwrap();
}
