//! The minimum for publishing events in order: a channel and a loop per partition over the
//! publisher's own client, with one request in flight. No storage, no accounting, no retries.

use std::num::NonZeroU32;
use std::sync::Arc;

use ::rskafka::chrono::{DateTime, Utc};
use ::rskafka::client::ClientBuilder;
use ::rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use ::rskafka::record::Record;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use user_metadata_events::{UserMetadataEvent, partition_for_key};

use crate::rskafka::codec;
use crate::{Failure, Meter, Run, SOURCE, events};

/// As in the publisher.
const BATCH_BYTES: usize = 512 << 10;
/// The capacity of a partition's queue.
const WAITING: usize = 20_000;
/// Events made at a time, as for the publisher.
const CHUNK: u64 = 500;

pub(crate) fn publish(run: Run) -> Result<(), Failure> {
    tokio::runtime::Runtime::new()?.block_on(publish_all(run))
}

async fn publish_all(run: Run) -> Result<(), Failure> {
    let codec = codec(&run.compression)?;
    let templates = events::read(&run.path)?;
    let client = ClientBuilder::new(vec![run.brokers]).build().await?;
    let (mut lanes, mut running) = (Vec::new(), JoinSet::new());
    for partition in 0..run.partitions {
        let unknown = UnknownTopicHandling::Error;
        let writer = client.partition_client(&run.topic, partition, unknown);
        let writer = writer.await?;
        writer.produce(vec![record(&templates[0])?], codec).await?;
        let (lane, waiting) = channel(WAITING);
        running.spawn(write(writer, codec, waiting));
        lanes.push(lane);
    }
    let before = lanes.len() as u64;
    let partitions = NonZeroU32::new(u32::try_from(lanes.len())?).ok_or("no partition")?;
    let meter = Arc::new(Meter::start(run.limit));
    let mut next = 0;
    while !meter.is_over() {
        let made = |number| events::made(&templates, number);
        let chunk: Vec<_> = meter.make(|| (next..next + CHUNK).map(made).collect());
        next += CHUNK;
        for event in chunk {
            let partition = partition_for_key(event.user_id.as_bytes(), partitions);
            lanes[partition as usize].send(record(&event)?).await?;
        }
    }
    drop(lanes);
    let mut events = 0;
    while let Some(written) = running.join_next().await {
        events += written??;
    }
    meter.report(events, events + before)
}

async fn write(
    writer: PartitionClient,
    codec: Compression,
    mut waiting: Receiver<Record>,
) -> Result<u64, Failure> {
    let mut written = 0;
    let mut batch = Vec::new();
    // An event takes about 700 bytes.
    while waiting.recv_many(&mut batch, BATCH_BYTES / 700).await > 0 {
        written += batch.len() as u64;
        writer.produce(std::mem::take(&mut batch), codec).await?;
    }
    Ok(written)
}

fn record(event: &UserMetadataEvent) -> Result<Record, Failure> {
    let event = event.to_encoded(None)?;
    let headers = event.headers(SOURCE);
    let timestamp = DateTime::<Utc>::from_timestamp_millis(event.timestamp().as_i64());
    Ok(Record {
        key: Some(event.key().to_vec()),
        value: Some(event.value().to_vec()),
        headers: headers
            .map(|(name, value)| (name.to_owned(), value.into_owned()))
            .collect(),
        timestamp: timestamp.unwrap_or_default(),
    })
}
