use std::num::{NonZeroU16, NonZeroU32};

use user_metadata_events::{UserMetadataEvent, partition_for_key};
use user_metadata_kafka::{Compression, KafkaOptions, Producer, RecordBatch, TopicSpec};

use crate::Failure;
use crate::publish::events;

const BATCH: u64 = 500;

/// The topic with so many partitions.
pub(super) fn name(partitions: u32) -> String {
    format!("consume-{partitions}")
}

/// Makes the topic and fills it with so many events.
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
        for partition in 0..partitions {
            let batch = || {
                let mut batch = RecordBatch::default();
                for number in first..events.min(first + BATCH) {
                    let event = events::made(templates, number);
                    if partition_for_key(event.user_id.as_bytes(), count) == partition {
                        push(&mut batch, &event);
                    }
                }
                batch
            };
            let none = Compression::None;
            producer.produce_with(partition, batch, none).await?;
        }
    }
    Ok(())
}

fn push(batch: &mut RecordBatch, event: &UserMetadataEvent) {
    // What is too large would be missed by the count.
    if let Ok(record) = event.to_record("/ws-server/bench", None) {
        let timestamp_ms = record.timestamp.as_i64();
        batch.push(record.key, record.value, record.headers, timestamp_ms);
    }
}
