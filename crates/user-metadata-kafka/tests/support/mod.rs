//! What the tests against a broker share: topics of their own, and a second client.
#![allow(dead_code, clippy::unwrap_used)] // each test binary uses its part

pub(crate) mod broker;

use std::io::Write as _;
use std::num::{NonZeroU16, NonZeroU32};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use user_metadata_kafka::{KafkaOptions, KafkaRecord, TopicSpec};

/// The broker that the tests of one binary share.
pub(crate) fn brokers() -> String {
    "127.0.0.1:19092".to_owned()
}

pub(crate) fn options() -> KafkaOptions {
    KafkaOptions::new([brokers()]).unwrap()
}

pub(crate) fn topic(name: &str, partitions: u32) -> TopicSpec {
    let unique = format!("{name}-{}", std::process::id());
    TopicSpec::new(
        unique,
        NonZeroU32::new(partitions).unwrap(),
        NonZeroU16::MIN,
    )
    .unwrap()
}

/// This test run's time in ms: one long past would fall to the broker's retention.
pub(crate) fn now_ms() -> i64 {
    static NOW: LazyLock<i64> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        now.as_millis().try_into().unwrap()
    });
    *NOW
}

pub(crate) fn record(key: &str, value: &str) -> KafkaRecord {
    KafkaRecord {
        key: Some(key.into()),
        value: Some(value.into()),
        headers: vec![("content-type".into(), b"application/json".to_vec())],
        timestamp_ms: now_ms(),
    }
}

/// Runs kcat and returns what it prints.
pub(crate) fn kcat(arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("kcat")
        .arg("-b")
        .arg(brokers())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "kcat {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every record of a topic, as kcat sees it, in the order of partition and offset.
pub(crate) fn read_with_kcat(topic: &TopicSpec) -> Vec<Value> {
    let lines = kcat(
        &[
            "-C",
            "-t",
            topic.name(),
            "-o",
            "beginning",
            "-e",
            "-q",
            "-J",
        ],
        b"",
    );
    let mut records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    records.sort_by_key(|record| (record["partition"].as_u64(), record["offset"].as_u64()));
    records
}

/// The partitions of a topic as kcat sees them, `None` if it is not there. Names no topic, so that
/// none is made by asking.
pub(crate) fn partitions_with_kcat(topic: &TopicSpec) -> Option<usize> {
    let listing: Value = serde_json::from_str(&kcat(&["-L", "-J"], b"")).unwrap();
    listing["topics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|listed| listed["topic"] == topic.name())
        .map(|listed| listed["partitions"].as_array().unwrap().len())
}

/// Bounds a step of a test.
pub(crate) async fn within<T>(limit: Duration, step: impl Future<Output = T>) -> T {
    tokio::time::timeout(limit, step).await.unwrap()
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T>(mut answer: impl FnMut() -> Option<T>) -> T {
    within(Duration::from_secs(30), async {
        loop {
            if let Some(answer) = answer() {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

#[cfg(feature = "consume")]
async fn admin() -> krafka::admin::AdminClient {
    krafka::Kafka::builder(brokers())
        .connect()
        .await
        .unwrap()
        .admin()
}

#[cfg(feature = "consume")]
pub(crate) async fn raise_partitions(topic: &TopicSpec, total: i32) {
    let raised = admin()
        .await
        .create_partitions([(topic.name(), total)], Default::default())
        .await
        .unwrap();
    raised.into_values().for_each(|result| result.unwrap());
}

/// What retention does, of partition 0.
#[cfg(feature = "consume")]
pub(crate) async fn delete_records_before(topic: &TopicSpec, offset: i64) {
    let partition = krafka::admin::TopicPartition::new(topic.name(), 0);
    let deleted = admin()
        .await
        .delete_records([(partition, offset)], Default::default())
        .await
        .unwrap();
    deleted
        .into_values()
        .for_each(|result| assert_eq!(result.unwrap(), offset));
}

#[cfg(feature = "consume")]
pub(crate) async fn delete_topic(topic: &TopicSpec) {
    let deleted = admin()
        .await
        .delete_topics([topic.name()], Default::default())
        .await
        .unwrap();
    deleted.into_values().for_each(|result| result.unwrap());
}
