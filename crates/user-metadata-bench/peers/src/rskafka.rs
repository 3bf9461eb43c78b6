//! The lower bound: the client that the publisher is built on, in a loop with one request in flight
//! per partition.

use std::sync::Arc;

use ::rskafka::chrono::{DateTime, Utc};
use ::rskafka::client::ClientBuilder;
use ::rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use ::rskafka::record::Record;
use tokio::task::JoinSet;

use crate::{Failure, Meter, Records, Run};

/// As in the publisher.
const BATCH_BYTES: usize = 512 << 10;

pub(crate) fn publish(run: Run) -> Result<(), Failure> {
    tokio::runtime::Runtime::new()?.block_on(publish_all(run))
}

pub(crate) fn codec(name: &str) -> Result<Compression, Failure> {
    match name {
        "none" => Ok(Compression::NoCompression),
        "lz4" => Ok(Compression::Lz4),
        other => Err(format!("no compression {other}").into()),
    }
}

async fn publish_all(run: Run) -> Result<(), Failure> {
    let codec = codec(&run.compression)?;
    let client = ClientBuilder::new(vec![run.brokers]).build().await?;
    let records = Arc::new(run.records);
    let mut writers = Vec::new();
    for partition in 0..run.partitions {
        let unknown = UnknownTopicHandling::Error;
        let writer = client.partition_client(&run.topic, partition, unknown);
        let writer = writer.await?;
        writer.produce(batch(&records, 1), codec).await?;
        writers.push(writer);
    }
    let before = writers.len() as u64;
    let meter = Arc::new(Meter::start(run.limit));
    let mut running = JoinSet::new();
    for writer in writers {
        running.spawn(write(
            writer,
            codec,
            Arc::clone(&records),
            Arc::clone(&meter),
        ));
    }
    let mut events = 0;
    while let Some(written) = running.join_next().await {
        events += written??;
    }
    meter.report(events, events + before)
}

async fn write(
    writer: PartitionClient,
    codec: Compression,
    records: Arc<Records>,
    meter: Arc<Meter>,
) -> Result<u64, Failure> {
    let mut written = 0;
    let mut next = meter.make(|| batch(&records, BATCH_BYTES));
    while !meter.is_over() {
        written += next.len() as u64;
        // Makes the next batch while this one is in flight.
        let made = async { meter.make(|| batch(&records, BATCH_BYTES)) };
        let (produced, made) = tokio::join!(biased; writer.produce(next, codec), made);
        produced?;
        next = made;
    }
    Ok(written)
}

/// As many records as fit, but at least one.
fn batch(records: &Records, bytes: usize) -> Vec<Record> {
    let timestamp = DateTime::<Utc>::from_timestamp_millis(records.timestamp_ms);
    let timestamp = timestamp.unwrap_or_default();
    let mut batch = Vec::new();
    let mut size = 0;
    while size < bytes {
        let record = records.make();
        size += record.size();
        let headers = record.headers();
        batch.push(Record {
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            key: Some(record.key),
            value: Some(record.value),
            timestamp,
        });
    }
    batch
}
