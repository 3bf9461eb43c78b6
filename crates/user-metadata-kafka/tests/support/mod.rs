//! What the tests against a broker share: topics of their own, and other clients to check with.
#![allow(dead_code, clippy::unwrap_used)] // each test binary uses its part

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde_json::Value;
use user_metadata_kafka::{
    Compression, KafkaOptions, KafkaRecord, ProduceError, Producer, TopicSpec,
};
use user_metadata_testing::{Missing, kafka};

/// Bounds every step that waits for a broker.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// The broker shared by tests that only need a topic of their own.
pub(crate) fn shared() -> Result<KafkaOptions, Missing> {
    let brokers = kafka::shared()?;
    Ok(KafkaOptions::new(brokers.split(',')).unwrap())
}

/// A topic that no other test uses, in this run or another.
pub(crate) fn topic(name: &str, partitions: u32) -> TopicSpec {
    let unique = format!("{name}-{}-{}", now_ms(), std::process::id());
    let partitions = NonZeroU32::new(partitions).unwrap();
    TopicSpec::new(unique, partitions, NonZeroU16::MIN).unwrap()
}

/// The time of this test run in ms: retention would remove a record from long ago.
pub(crate) fn now_ms() -> i64 {
    static NOW: LazyLock<i64> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_millis().try_into().unwrap()
    });
    *NOW
}

pub(crate) fn record(key: &str, value: &str) -> KafkaRecord {
    KafkaRecord {
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: vec![("content-type".into(), "application/json".into())],
        timestamp_ms: now_ms(),
    }
}

/// Makes `topic` with `count` records in each partition, the n-th with the value `n` and a time n
/// ms after that of the run.
pub(crate) async fn filled(options: &KafkaOptions, topic: &TopicSpec, count: i64) -> Producer {
    let producer = Producer::connect(options, topic).await.unwrap();
    let records: Vec<KafkaRecord> = (0..count)
        .map(|n| KafkaRecord {
            timestamp_ms: now_ms() + n,
            ..record("key", &n.to_string())
        })
        .collect();
    for partition in 0..topic.partitions().get() {
        insist(&producer, partition, &records).await;
    }
    producer
}

/// Produces until the error is not retriable: a new partition may have no leader yet.
pub(crate) async fn settled(
    producer: &Producer,
    partition: u32,
    batch: &[KafkaRecord],
    compression: Compression,
) -> Result<u64, ProduceError> {
    within(LONG, async {
        loop {
            match producer.produce(partition, batch, compression).await {
                Err(error) if error.is_retriable() => {}
                settled => return settled,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

pub(crate) async fn insist(producer: &Producer, partition: u32, batch: &[KafkaRecord]) -> u64 {
    let offset = settled(producer, partition, batch, Compression::None).await;
    offset.unwrap()
}

pub(crate) async fn produce(producer: &Producer, partition: u32, value: &str) {
    insist(producer, partition, &[record("key", value)]).await;
}

/// The brokers in the form that other clients take.
pub(crate) fn bootstrap(options: &KafkaOptions) -> String {
    options.brokers().join(",")
}

/// Every record of a topic, as kcat sees it, in the order of partition and offset.
pub(crate) fn read_with_kcat(
    options: &KafkaOptions,
    topic: &TopicSpec,
) -> Result<Vec<Value>, Missing> {
    let lines = kafka::records(&bootstrap(options), topic.name())?;
    let mut records: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    records.sort_by_key(|record| (record["partition"].as_u64(), record["offset"].as_u64()));
    Ok(records)
}

/// The partitions of a topic as kcat sees them, without naming the topic; `None` if it does not
/// exist.
pub(crate) fn partitions(
    options: &KafkaOptions,
    topic: &TopicSpec,
) -> Result<Option<u32>, Missing> {
    kafka::partitions(&bootstrap(options), topic.name())
}

/// Bounds a step of a test.
pub(crate) async fn within<T>(limit: Duration, step: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, step).await.unwrap()
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(mut answer: impl AsyncFnMut() -> Option<T>) -> T {
    within(LONG, async {
        loop {
            if let Some(answer) = answer().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// What an operator does to the cluster.
#[cfg(feature = "consume")]
pub(crate) mod admin {
    use std::collections::BTreeMap;

    use krafka::admin::{AdminClient, TopicPartition};
    use user_metadata_kafka::{KafkaOptions, TopicSpec};

    async fn connect(options: &KafkaOptions) -> AdminClient {
        let client = krafka::Kafka::builder(super::bootstrap(options)).connect();
        client.await.unwrap().admin()
    }

    /// Produces to partition 0 in one transaction, whose end takes up an offset, too.
    pub(crate) async fn transaction(options: &KafkaOptions, topic: &TopicSpec, values: &[&str]) {
        let client = krafka::Kafka::builder(super::bootstrap(options)).connect();
        let producer = client.await.unwrap().producer();
        let producer = producer.build_transactional(topic.name()).await.unwrap();
        producer.begin().unwrap();
        for value in values {
            let record = krafka::Record::new(topic.name(), (*value).to_owned()).partition(0);
            drop(producer.send(record).await.unwrap());
        }
        producer.commit().await.unwrap();
        producer.close().await.unwrap();
    }

    pub(crate) async fn raise_partitions(options: &KafkaOptions, topic: &TopicSpec, total: i32) {
        let admin = connect(options).await;
        let raise = admin.create_partitions([(topic.name(), total)], Default::default());
        let raised = raise.await.unwrap();
        raised.into_values().for_each(|result| result.unwrap());
    }

    /// Removes the oldest records of partition 0, as retention does.
    pub(crate) async fn delete_records_before(
        options: &KafkaOptions,
        topic: &TopicSpec,
        offset: i64,
    ) {
        let partition = TopicPartition::new(topic.name(), 0);
        let admin = connect(options).await;
        let delete = admin.delete_records([(partition, offset)], Default::default());
        let deleted = delete.await.unwrap();
        deleted
            .into_values()
            .for_each(|result| assert_eq!(result.unwrap(), offset));
    }

    /// Per partition, what the group of the topic's name has committed.
    pub(crate) async fn committed(options: &KafkaOptions, topic: &TopicSpec) -> BTreeMap<u32, u64> {
        let admin = connect(options).await;
        let list = admin.list_consumer_group_offsets(topic.name(), Default::default());
        let offsets = list.await.unwrap().into_iter();
        offsets
            .filter_map(|(place, offset)| {
                let offset = offset.unwrap().offset?.try_into().unwrap();
                Some((place.partition().try_into().unwrap(), offset))
            })
            .collect()
    }

    pub(crate) async fn delete_topic(options: &KafkaOptions, topic: &TopicSpec) {
        let admin = connect(options).await;
        let delete = admin.delete_topics([topic.name()], Default::default());
        let deleted = delete.await.unwrap();
        deleted.into_values().for_each(|result| result.unwrap());
    }
}
