use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, TOPIC, UnixMillis, User, UserMetadataEvent,
    partition_for_key,
};
use user_metadata_kafka::{Compression, KafkaOptions, KafkaRecord, Producer, TopicSpec};

use crate::options::Options;

/// Events per request.
const BATCH: u64 = 500;
const USERS: u64 = 5_000;

/// A failure here says nothing about the consumer: it ends the run.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Produces all events, as fast as possible or at the rate, and counts the acknowledged ones.
pub(crate) async fn produce(
    brokers: String,
    options: Options,
    produced: Arc<AtomicU64>,
) -> Result<(), Failure> {
    let kafka = KafkaOptions::new([brokers])?;
    let partitions = NonZeroU32::new(options.partitions).ok_or("no partitions")?;
    let topic = TopicSpec::new(TOPIC, partitions, NonZeroU16::MIN)?;
    let producer = Producer::connect(&kafka, &topic).await?;
    let started = Instant::now();
    let mut waiting = vec![Vec::new(); partitions.get() as usize];
    for number in 0..options.total() {
        let (partition, record) = record(number, partitions)?;
        let batch = &mut waiting[partition as usize];
        batch.push(record);
        if batch.len() as u64 >= BATCH {
            store(&producer, partition, std::mem::take(batch), &produced).await;
        }
        if options.time.is_some() && number.is_multiple_of(BATCH) {
            let due = Duration::from_millis(number * 1000 / Options::RATE);
            tokio::time::sleep_until(started + due).await;
        }
    }
    for (partition, batch) in (0..).zip(waiting) {
        store(&producer, partition, batch, &produced).await;
    }
    Ok(())
}

/// Each id is made once, so that a retried batch has the same events.
async fn store(producer: &Producer, partition: u32, batch: Vec<KafkaRecord>, produced: &AtomicU64) {
    if batch.is_empty() {
        return;
    }
    while let Err(error) = producer.produce(partition, &batch, Compression::None).await {
        assert!(error.is_retriable(), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    produced.fetch_add(batch.len() as u64, Ordering::Relaxed);
}

fn record(number: u64, partitions: NonZeroU32) -> Result<(u32, KafkaRecord), Failure> {
    let now = UnixMillis::from(SystemTime::now());
    let id = EventId::from_parts(now, number.into());
    let user_id = format!("user-{}", number % USERS);
    let partition = partition_for_key(user_id.as_bytes(), partitions);
    let user = User::new(user_id, format!("User {number}"), Some("soak".to_owned()))?;
    let connection = ConnectionInfo::new(ClientId::from_parts(now, number.into()));
    let metadata = Metadata::default();
    let record = UserMetadataEvent::new(id, user, metadata, connection).to_record("/soak", None)?;
    let record = KafkaRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp_ms: record.timestamp.as_i64(),
    };
    Ok((partition, record))
}
