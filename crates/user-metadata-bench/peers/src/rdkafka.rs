//! The C library that most programs in Rust take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ::rdkafka::ClientContext;
use ::rdkafka::config::ClientConfig;
use ::rdkafka::error::{KafkaError, RDKafkaErrorCode};
use ::rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use ::rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

use crate::records::Record;
use crate::{Failure, Meter, Records, Run};

/// Events made at a time.
const CHUNK: usize = 500;

/// What became of the records.
#[derive(Default)]
struct Deliveries {
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = match result {
            Ok(_) => &self.acknowledged,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// With its own bounds of what waits, and the publisher's linger time, batches and partitions.
pub(crate) fn publish(run: &Run) -> Result<(), Failure> {
    let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
        .set("bootstrap.servers", &run.brokers)
        .set("acks", "all")
        .set("linger.ms", "5")
        .set("batch.size", "524288")
        .set("compression.type", &run.compression)
        .set("partitioner", "murmur2_random")
        .create_with_context(Deliveries::default())?;
    let minute = Duration::from_secs(60);
    send(&producer, run, made(&run.records))?;
    producer.flush(minute)?;

    let meter = Meter::start(run.limit);
    let mut events = 0;
    while !meter.is_over() {
        let chunk: Vec<_> = meter.make(|| (0..CHUNK).map(|_| made(&run.records)).collect());
        for event in chunk {
            send(&producer, run, event)?;
            events += 1;
        }
    }
    producer.flush(minute)?;
    let deliveries = producer.context();
    let acknowledged = deliveries.acknowledged.load(Ordering::Relaxed);
    let failed = deliveries.failed.load(Ordering::Relaxed);
    if (acknowledged, failed) != (events + 1, 0) {
        return Err(format!("{events} sent, {acknowledged} acknowledged, {failed} failed").into());
    }
    meter.report(events, events + 1)
}

fn made(records: &Records) -> (Record, OwnedHeaders) {
    let record = records.make();
    let headers = record.headers();
    let mut owned = OwnedHeaders::new_with_capacity(headers.len());
    for (key, value) in headers {
        let value = Some(value);
        owned = owned.insert(Header { key, value });
    }
    (record, owned)
}

fn send(
    producer: &ThreadedProducer<Deliveries>,
    run: &Run,
    (event, headers): (Record, OwnedHeaders),
) -> Result<(), Failure> {
    let mut record = BaseRecord::to(&run.topic)
        .key(&event.key)
        .payload(&event.value)
        .timestamp(run.records.timestamp_ms)
        .headers(headers);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                record = refused;
                sleep(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
