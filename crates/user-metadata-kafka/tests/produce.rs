//! Topics and producing against a real Kafka, read back with kcat and with Kafka's own consumer.
#![cfg(feature = "produce")]
#![allow(clippy::unwrap_used)] // helpers

mod support;

use std::num::{NonZeroU16, NonZeroU32};

use serde_json::json;
use support::{
    bootstrap, insist, now_ms, partitions, read_with_kcat, record, settled, shared, topic,
};
use user_metadata_kafka::{
    Compression, ConnectError, KafkaRecord, ProduceError, Producer, TopicSpec, ensure_topic,
};
use user_metadata_testing::{kafka, require};

const CODECS: [Compression; 3] = [Compression::None, Compression::Lz4, Compression::Zstd];

#[tokio::test]
async fn a_missing_topic_gets_its_partitions_although_the_broker_would_create_it() {
    let options = require!(shared());
    let topic = topic("made", 3);
    assert_eq!(require!(partitions(&options, &topic)), None);
    let state = ensure_topic(&options, &topic).await.unwrap();
    assert!(state.created && !state.differs());
    assert_eq!(partitions(&options, &topic).unwrap(), Some(3));
}

#[tokio::test]
async fn an_existing_topic_stays_as_it_is_and_the_difference_is_reported() {
    let options = require!(shared());
    let small = topic("kept", 1);
    ensure_topic(&options, &small).await.unwrap();
    let large = TopicSpec::new(small.name(), NonZeroU32::new(3).unwrap(), NonZeroU16::MIN);
    let state = ensure_topic(&options, &large.unwrap()).await.unwrap();
    assert!(!state.created && state.differs());
    assert_eq!((state.partitions.get(), state.requested.get()), (1, 3));
    assert_eq!(require!(partitions(&options, &small)), Some(1));
}

#[tokio::test]
async fn of_several_that_ensure_a_topic_at_the_same_time_one_creates_it() {
    let options = require!(shared());
    let topic = topic("raced", 3);
    let ensure = || ensure_topic(&options, &topic);
    let states = tokio::join!(ensure(), ensure(), ensure(), ensure());
    let states = [states.0, states.1, states.2, states.3].map(Result::unwrap);
    assert!(states.iter().all(|state| state.partitions.get() == 3));
    assert_eq!(states.iter().filter(|state| state.created).count(), 1);
}

#[tokio::test]
async fn a_topic_with_more_copies_than_brokers_is_refused_for_good() {
    let options = require!(shared());
    let copies = NonZeroU16::new(30).unwrap();
    let topic = TopicSpec::new(topic("copies", 1).name(), NonZeroU32::MIN, copies).unwrap();
    let error = ensure_topic(&options, &topic).await.unwrap_err();
    assert!(
        matches!(error, ConnectError::TopicRefused { .. }),
        "{error:?}"
    );
    assert!(!error.is_retriable());
    assert_eq!(require!(partitions(&options, &topic)), None);
}

#[tokio::test]
async fn key_value_headers_and_time_read_back_with_another_client() {
    let options = require!(shared());
    let topic = topic("read-back", 3);
    let producer = Producer::connect(&options, &topic).await.unwrap();
    let tombstone = KafkaRecord {
        key: Some("user-ü".into()),
        value: None,
        headers: vec![("b".into(), "2".into()), ("a".into(), "".into())],
        timestamp_ms: now_ms() + 1,
    };
    let keyless = KafkaRecord {
        key: None,
        headers: Vec::new(),
        ..record("", "{\"a\":\"ü\"}")
    };
    let batch = [record("user-1", "x"), tombstone, keyless];
    for (partition, compression) in (0..).zip(CODECS) {
        for expected in [0, 3] {
            let offset = settled(&producer, partition, &batch, compression).await;
            assert_eq!(offset.unwrap(), expected);
        }
    }
    let seen = require!(read_with_kcat(&options, &topic));
    assert_eq!(seen.len(), 18);
    let content_type = json!(["content-type", "application/json"]);
    for (index, seen) in seen.iter().enumerate() {
        assert_eq!(seen["partition"], index / 6);
        assert_eq!(seen["offset"], index % 6);
        let (key, value, headers, time) = match index % 3 {
            0 => (json!("user-1"), json!("x"), content_type.clone(), 0),
            // In the order of their names.
            1 => (json!("user-ü"), json!(null), json!(["a", "", "b", "2"]), 1),
            _ => (json!(null), json!("{\"a\":\"ü\"}"), json!(null), 0),
        };
        assert_eq!(seen["key"], key);
        assert_eq!(seen["payload"], value);
        assert_eq!(seen["headers"], headers);
        assert_eq!(seen["ts"], now_ms() + time);
    }
}

#[tokio::test]
async fn kafkas_own_consumer_unpacks_every_compression() {
    let options = require!(shared());
    for compression in CODECS {
        let topic = topic(&format!("unpacked-{compression}"), 1);
        let producer = Producer::connect(&options, &topic).await.unwrap();
        let values: Vec<String> = (0..2000)
            .map(|n| format!("{{\"n\":{n},\"name\":\"same in all\"}}"))
            .collect();
        let records: Vec<_> = values.iter().map(|value| record("key", value)).collect();
        for batch in records.chunks(500) {
            settled(&producer, 0, batch, compression).await.unwrap();
        }
        let printed = kafka::console_consume(&bootstrap(&options), topic.name(), values.len());
        assert_eq!(require!(printed), values, "{compression}");
    }
}

#[tokio::test]
async fn a_batch_beyond_the_brokers_limit_is_too_large_and_smaller_ones_are_written() {
    let options = require!(shared());
    let topic = topic("large", 1);
    let producer = Producer::connect(&options, &topic).await.unwrap();
    let large = [record("user-1", &"x".repeat(2 << 20))];
    let error = settled(&producer, 0, &large, Compression::None).await;
    assert!(matches!(error, Err(ProduceError::TooLarge(_))), "{error:?}");
    let small = [record("user-1", "x")];
    assert_eq!(insist(&producer, 0, &small).await, 0);
}

#[tokio::test]
async fn a_time_that_the_broker_never_accepts_is_rejected() {
    let options = require!(shared());
    let topic = topic("future", 1);
    let producer = Producer::connect(&options, &topic).await.unwrap();
    let late = [KafkaRecord {
        timestamp_ms: i64::MAX,
        ..record("user-1", "x")
    }];
    let error = settled(&producer, 0, &late, Compression::None).await;
    assert!(matches!(error, Err(ProduceError::Rejected(_))), "{error:?}");
}

#[tokio::test]
async fn a_partition_that_does_not_exist_is_named() {
    let options = require!(shared());
    let topic = topic("narrow", 2);
    let producer = Producer::connect(&options, &topic).await.unwrap();
    let error = settled(&producer, 2, &[record("a", "b")], Compression::None).await;
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "the topic has 2 partitions, no number 2");
    assert!(!error.is_retriable());
}

#[tokio::test]
async fn a_batch_of_nothing_is_written_at_once() {
    let options = require!(shared());
    let topic = topic("empty", 1);
    let producer = Producer::connect(&options, &topic).await.unwrap();
    let offset = producer.produce(0, &[], Compression::Lz4).await;
    assert_eq!(offset.unwrap(), 0);
    assert!(require!(read_with_kcat(&options, &topic)).is_empty());
}

#[cfg(feature = "consume")]
#[tokio::test]
async fn a_deleted_topic_is_created_again_with_its_partitions() {
    let options = require!(shared());
    let topic = topic("deleted", 3);
    let producer = Producer::connect(&options, &topic).await.unwrap();
    // The second time to a partition that this producer has never written to before.
    for partition in [2, 2, 1, 0] {
        insist(&producer, partition, &[record("user-1", "x")]).await;
        assert_eq!(require!(partitions(&options, &topic)), Some(3));
        support::admin::delete_topic(&options, &topic).await;
        // Deletion takes a while; a topic that is still listed would be asked for, and the broker
        // would create it again.
        let is_gone = async || partitions(&options, &topic).is_ok_and(|found| found.is_none());
        support::until(async || is_gone().await.then_some(())).await;
    }
}
