//! Topics and producing against a real Kafka, read back with kcat.
#![allow(clippy::unwrap_used)]

mod support;

use std::num::NonZeroU32;

use serde_json::json;
use support::{kcat, now_ms, options, partitions_with_kcat, read_with_kcat, record, topic};
use user_metadata_kafka::{Compression, KafkaRecord, ProduceError, Producer, ensure_topic};

#[tokio::test]
async fn a_missing_topic_gets_its_partitions_although_the_broker_would_make_one() {
    let topic = topic("made", 3);
    assert_eq!(partitions_with_kcat(&topic), None);
    let state = ensure_topic(&options(), &topic).await.unwrap();
    assert!(state.created && !state.differs());
    assert_eq!(partitions_with_kcat(&topic), Some(3));
}

#[tokio::test]
async fn an_existing_topic_stays_as_it_is_and_the_difference_is_reported() {
    let small = topic("kept", 1);
    ensure_topic(&options(), &small).await.unwrap();
    let state = ensure_topic(&options(), &topic("kept", 3)).await.unwrap();
    assert!(!state.created && state.differs());
    assert_eq!(state.partitions.get(), 1);
    assert_eq!(partitions_with_kcat(&small), Some(1));
}

#[tokio::test]
async fn what_is_produced_reads_back_with_another_client() {
    let topic = topic("read-back", 3);
    let producer = Producer::connect(&options(), &topic).await.unwrap();
    let tombstone = KafkaRecord {
        value: None,
        ..record("user-2", "")
    };
    let codecs = [Compression::None, Compression::Lz4, Compression::Zstd];
    for (partition, compression) in (0..).zip(codecs) {
        let batch = [record("user-1", "{\"a\":\"ü\"}"), tombstone.clone()];
        for expected in [0, 2] {
            let offset = producer.produce(partition, &batch, compression).await;
            assert_eq!(offset.unwrap(), expected);
        }
    }
    let seen = read_with_kcat(&topic);
    assert_eq!(seen.len(), 12);
    for (index, seen) in seen.iter().enumerate() {
        assert_eq!(seen["partition"], index / 4);
        assert_eq!(seen["offset"], index % 4);
        assert_eq!(seen["ts"], now_ms());
        assert_eq!(seen["headers"], json!(["content-type", "application/json"]));
        let (key, value) = match index % 2 {
            0 => ("user-1", json!("{\"a\":\"ü\"}")),
            _ => ("user-2", json!(null)),
        };
        assert_eq!(seen["key"], key);
        assert_eq!(seen["payload"], value);
    }
}

#[tokio::test]
async fn keys_go_where_other_clients_would_put_them() {
    let topic = topic("murmur2", 7);
    ensure_topic(&options(), &topic).await.unwrap();
    let keys: Vec<String> = (0..500)
        .map(|n| format!("user-{n}-{}", "ä".repeat(n % 9)))
        .collect();
    let lines: String = keys.iter().map(|key| format!("{key}|x\n")).collect();
    let murmur2 = "partitioner=murmur2_random";
    kcat(
        &["-P", "-t", topic.name(), "-K", "|", "-X", murmur2],
        lines.as_bytes(),
    );
    let seen = read_with_kcat(&topic);
    assert_eq!(seen.len(), keys.len());
    for record in seen {
        let key = record["key"].as_str().unwrap();
        let ours =
            user_metadata_events::partition_for_key(key.as_bytes(), NonZeroU32::new(7).unwrap());
        assert_eq!(record["partition"], ours, "{key}");
    }
}

#[tokio::test]
async fn a_batch_beyond_the_brokers_limit_is_too_large_and_smaller_ones_go_on() {
    let topic = topic("large", 1);
    let producer = Producer::connect(&options(), &topic).await.unwrap();
    let large = [record("user-1", &"x".repeat(2 << 20))];
    let error = producer.produce(0, &large, Compression::None).await;
    assert!(matches!(error, Err(ProduceError::TooLarge(_))), "{error:?}");
    let small = [record("user-1", "x")];
    assert_eq!(
        producer
            .produce(0, &small, Compression::None)
            .await
            .unwrap(),
        0
    );
}

#[tokio::test]
async fn a_time_that_the_broker_never_takes_is_rejected() {
    let topic = topic("future", 1);
    let producer = Producer::connect(&options(), &topic).await.unwrap();
    let late = [KafkaRecord {
        timestamp_ms: i64::MAX,
        ..record("user-1", "x")
    }];
    let error = producer.produce(0, &late, Compression::None).await;
    assert!(matches!(error, Err(ProduceError::Rejected(_))), "{error:?}");
}

#[tokio::test]
async fn a_partition_that_is_not_there_is_named() {
    let topic = topic("narrow", 2);
    let producer = Producer::connect(&options(), &topic).await.unwrap();
    let error = producer
        .produce(2, &[record("a", "b")], Compression::None)
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.to_string(), "the topic has 2 partitions, no number 2");
    assert!(!error.is_retriable());
}

#[cfg(feature = "consume")]
#[tokio::test]
async fn a_topic_that_somebody_deletes_is_made_again_with_its_partitions() {
    let topic = topic("deleted", 3);
    let producer = Producer::connect(&options(), &topic).await.unwrap();
    let batch = [record("user-1", "x")];
    producer
        .produce(2, &batch, Compression::None)
        .await
        .unwrap();
    support::delete_topic(&topic).await;
    let again = support::within(std::time::Duration::from_secs(30), async {
        loop {
            match producer.produce(2, &batch, Compression::None).await {
                Err(error) => assert!(error.is_retriable(), "{error:?}"),
                Ok(offset) => return offset,
            }
        }
    });
    assert_eq!(again.await, 0);
    assert_eq!(partitions_with_kcat(&topic), Some(3));
}
