use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

use user_metadata_events::{EncodeError, UserMetadataEvent, partition_for_key};
use user_metadata_kafka::{Compression, KafkaOptions, KafkaRecord, Producer, TopicSpec};

use crate::Failure;
use crate::publish::events;

const BATCH: u64 = 500;

/// The topic with this many partitions.
pub(super) fn name(partitions: u32) -> String {
    format!("consume-{partitions}")
}

/// Creates the topic and fills it with this many events.
pub(super) async fn fill(
    brokers: &str,
    partitions: u32,
    templates: &[UserMetadataEvent],
    events: u64,
) -> Result<(), Failure> {
    let count = NonZeroU32::new(partitions).ok_or("no partitions")?;
    let topic = TopicSpec::new(name(partitions), count, NonZeroU16::MIN)?;
    let producer = Producer::connect(&KafkaOptions::new([brokers])?, &topic).await?;
    for first in (0..events).step_by(BATCH as usize) {
        let mut batches: BTreeMap<u32, Vec<KafkaRecord>> = BTreeMap::new();
        for number in first..events.min(first + BATCH) {
            let event = events::made(templates, number);
            let partition = partition_for_key(event.user_id.as_bytes(), count);
            batches.entry(partition).or_default().push(record(&event)?);
        }
        for (partition, records) in batches {
            let none = Compression::None;
            producer.produce(partition, &records, none).await?;
        }
    }
    Ok(())
}

fn record(event: &UserMetadataEvent) -> Result<KafkaRecord, EncodeError> {
    let record = event.to_record("/ws-server/bench", None)?;
    Ok(KafkaRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp_ms: record.timestamp.as_i64(),
    })
}
