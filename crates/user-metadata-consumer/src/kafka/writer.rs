use user_metadata_events::Record;
use user_metadata_kafka::{
    Compression, KafkaOptions, ProduceError, Producer, RecordBatch, TopicSpec,
};

use crate::partition_batches::partition_batches;
use crate::pipeline::in_words;
use crate::{Rejection, SinkError, TopicWriter};

/// Appends to a Kafka topic, which is created with the first record.
#[derive(Debug)]
pub struct KafkaTopicWriter {
    options: KafkaOptions,
    topic: TopicSpec,
    producer: Option<Producer>,
}

/// A record and its index in the call.
type Numbered<'a> = (usize, &'a Record);

impl KafkaTopicWriter {
    /// The largest batch in bytes; brokers take 1 MiB by default.
    const BATCH_BYTES: usize = 512 << 10;

    /// Takes the topic, which is created like this if it does not exist.
    #[must_use]
    pub const fn new(options: KafkaOptions, topic: TopicSpec) -> Self {
        Self {
            options,
            topic,
            producer: None,
        }
    }

    async fn producer(&mut self) -> Result<&Producer, SinkError> {
        let producer = match self.producer.take() {
            Some(producer) => producer,
            None => Producer::connect(&self.options, &self.topic)
                .await
                .map_err(SinkError::unavailable)?,
        };
        Ok(self.producer.insert(producer))
    }
}

impl TopicWriter for KafkaTopicWriter {
    async fn append(&mut self, records: &[Record]) -> Result<Vec<Rejection>, SinkError> {
        let producer = self.producer().await?;
        let mut refused = Vec::new();
        let numbered = records.iter().enumerate();
        let partitions = producer.partitions();
        let batches = partition_batches(numbered, partitions, Self::BATCH_BYTES, |(_, record)| {
            (record.key.as_deref(), record.size())
        });
        for (partition, batch) in batches {
            append_batch(producer, partition, batch, &mut refused).await?;
        }
        Ok(refused)
    }
}

/// Appends one batch, split in halves as long as the broker refuses it.
async fn append_batch(
    producer: &Producer,
    partition: u32,
    batch: Vec<Numbered<'_>>,
    refused: &mut Vec<Rejection>,
) -> Result<(), SinkError> {
    let mut parts = vec![batch];
    while let Some(mut part) = parts.pop() {
        let records = || to_kafka(&part);
        match producer
            .produce_with(partition, records, Compression::None)
            .await
        {
            Ok(_) => {}
            Err(error @ (ProduceError::TooLarge(_) | ProduceError::Rejected(_))) => {
                if let [(index, _)] = part.as_slice() {
                    refused.push(Rejection::new(*index, in_words(&error)));
                } else {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
            }
            Err(error) => return Err(SinkError::unavailable(error)),
        }
    }
    Ok(())
}

fn to_kafka(records: &[Numbered<'_>]) -> RecordBatch {
    let mut batch = RecordBatch::with_capacity(records.len());
    for (_, record) in records {
        let headers = record.headers.iter();
        batch.push(
            record.key.as_deref().map(<[u8]>::to_vec),
            record.value.as_deref().map(<[u8]>::to_vec),
            headers.map(|(name, value)| (name, value.to_vec())),
            record.timestamp.as_i64(),
        );
    }
    batch
}
