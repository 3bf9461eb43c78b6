use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use tokio::sync::OnceCell;
use tracing::warn;
use user_metadata_events::{DEFAULT_PARTITIONS, EncodedEvent, TOPIC};
use user_metadata_kafka::{
    Compression, ConnectError, KafkaOptions, OptionsError, ProduceError, Producer, RecordBatch,
    TopicSpec,
};

use crate::transport::{SendError, Transport, in_words};
use crate::{Publisher, PublisherOptions, PublisherTask};
#[cfg(feature = "disk")]
use {crate::DiskOutbox, user_metadata_log::OpenError};

/// Where and how to publish to Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KafkaTarget {
    /// The cluster.
    pub options: KafkaOptions,
    /// The topic, which is created if it does not exist.
    pub topic: TopicSpec,
    /// How batches of 64 KiB and more are compressed; smaller ones are not.
    pub compression: Compression,
}

impl KafkaTarget {
    /// The topic `user-metadata`, with 3 partitions and replication factor 1 if it has to be
    /// created, of the cluster that these brokers (`host:port`) belong to; large batches are
    /// compressed with lz4.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for an empty list and for an entry that is not `host:port`.
    pub fn new<I>(brokers: I) -> Result<Self, OptionsError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let topic = TopicSpec::new(TOPIC, DEFAULT_PARTITIONS, NonZeroU16::MIN)?;
        Ok(Self::with_topic(KafkaOptions::new(brokers)?, topic))
    }

    /// This topic of this cluster; large batches are compressed with lz4.
    #[must_use]
    pub fn with_topic(options: KafkaOptions, topic: TopicSpec) -> Self {
        Self {
            options,
            topic,
            compression: Compression::Lz4,
        }
    }
}

/// Makes a publisher to Kafka. It connects when its task runs; while Kafka is away, events wait in
/// memory.
pub fn kafka(target: KafkaTarget, options: PublisherOptions) -> (Publisher, PublisherTask) {
    Publisher::new(KafkaTransport::new(target, &options), options)
}

/// As [`kafka`], with its outbox on disk: while Kafka is away, events wait there, and what a
/// process leaves, the next one delivers. Blocks while it reads the file once, which takes seconds
/// if the file is large.
///
/// # Errors
///
/// [`OpenError`]: the outbox can't be used, e.g. since another process has it. A disk that is full
/// or refuses is not an error: events wait in memory until it works, and the status reports it.
#[cfg(feature = "disk")]
pub fn kafka_on_disk(
    target: KafkaTarget,
    outbox: DiskOutbox,
    options: PublisherOptions,
) -> Result<(Publisher, PublisherTask), OpenError> {
    Publisher::on_disk(KafkaTransport::new(target, &options), options, outbox)
}

struct KafkaTransport {
    target: KafkaTarget,
    source: String,
    producer: OnceCell<Producer>,
}

impl KafkaTransport {
    fn new(target: KafkaTarget, options: &PublisherOptions) -> Self {
        Self {
            target,
            source: options.source.clone(),
            producer: OnceCell::new(),
        }
    }

    /// Compressing less gains little, and the two segments of a small compressed request make the
    /// broker delay its answer.
    const COMPRESS_FROM_BYTES: usize = 64 << 10;

    async fn producer(&self) -> Result<&Producer, SendError> {
        let KafkaTarget { options, topic, .. } = &self.target;
        let connect = || async {
            let producer = Producer::connect(options, topic).await?;
            let found = producer.topic_state();
            if found.differs() {
                warn!(
                    topic = topic.name(),
                    partitions = found.partitions,
                    requested = found.requested,
                    "the topic has a different number of partitions than requested; it is left as it is",
                );
            }
            Ok(producer)
        };
        self.producer
            .get_or_try_init(connect)
            .await
            .map_err(|error| match error {
                ConnectError::Untrusted(_) => SendError::untrusted(&error),
                _ => SendError::unavailable(&error),
            })
    }
}

impl Transport for KafkaTransport {
    async fn connect(&self) -> Result<(), SendError> {
        self.producer().await.map(|_| ())
    }

    fn partitions(&self) -> NonZeroU32 {
        self.producer
            .get()
            .map_or(self.target.topic.partitions(), Producer::partitions)
    }

    // The producer bounds each call by its deadlines and connects again after a timeout.
    async fn send(&self, partition: u32, events: Arc<Vec<EncodedEvent>>) -> Result<u64, SendError> {
        let size = |event: &EncodedEvent| event.record_size(&self.source);
        let bytes: usize = events.iter().map(size).sum();
        let compression = if bytes < Self::COMPRESS_FROM_BYTES {
            Compression::None
        } else {
            self.target.compression
        };
        let producer = self.producer().await?;
        let batch = || batch(&events, &self.source);
        Ok(producer.produce_with(partition, batch, compression).await?)
    }
}

fn batch(events: &[EncodedEvent], source: &str) -> RecordBatch {
    let mut batch = RecordBatch::with_capacity(events.len());
    for event in events {
        let headers = event.headers(source);
        let headers = headers.map(|(name, value)| (name, value.into_owned()));
        let (key, value) = (event.key().to_vec(), event.value().to_vec());
        let timestamp = event.timestamp().as_i64();
        batch.push(Some(key), Some(value), headers, timestamp);
    }
    batch
}

impl From<ProduceError> for SendError {
    fn from(error: ProduceError) -> Self {
        match error {
            ProduceError::TooLarge(_) => Self::TooLarge,
            ProduceError::Rejected(_) => Self::Rejected(in_words(&error)),
            ProduceError::NoSuchPartition { .. } => Self::NoSuchPartition,
            ProduceError::Untrusted(_) => Self::untrusted(&error),
            _ => Self::unavailable(&error),
        }
    }
}
