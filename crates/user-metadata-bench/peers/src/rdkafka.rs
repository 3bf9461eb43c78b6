//! librdkafka, which most Rust programs use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use ::rdkafka::ClientContext;
use ::rdkafka::config::ClientConfig;
use ::rdkafka::error::{KafkaError, RDKafkaErrorCode};
use ::rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use ::rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};

use user_metadata_events::UserMetadataEvent;

use crate::records::Record;
use crate::{Failure, Meter, Records, Run, SOURCE, events};

/// Events made at a time.
const CHUNK: usize = 500;

/// Counts the records' delivery reports.
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

/// A record and its headers, which are allocated for each record.
type Made = (Record, OwnedHeaders);

/// From events, as in a service: encoding JSON and headers is part of the cost of publishing.
pub(crate) fn publish_events(run: &Run) -> Result<(), Failure> {
    let templates = events::read(&run.path)?;
    let next = AtomicU64::new(0);
    let make = || events::made(&templates, next.fetch_add(1, Ordering::Relaxed));
    publish(run, make, finish)
}

/// From encoded records with encoded headers.
pub(crate) fn publish_records(run: &Run) -> Result<(), Failure> {
    publish(run, || made(&run.records), Ok)
}

/// With its own queue limits, and the publisher's linger time, batch size and partitioning. The time
/// of `make` is not counted.
fn publish<T>(
    run: &Run,
    make: impl Fn() -> T,
    finish: impl Fn(T) -> Result<Made, Failure>,
) -> Result<(), Failure> {
    let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
        .set("bootstrap.servers", &run.brokers)
        .set("acks", "all")
        .set("linger.ms", "5")
        .set("batch.size", "524288")
        .set("compression.type", &run.compression)
        .set("partitioner", "murmur2_random")
        .create_with_context(Deliveries::default())?;
    let minute = Duration::from_secs(60);
    send(&producer, run, finish(make())?)?;
    producer.flush(minute)?;

    let meter = Meter::start(run.limit);
    let mut events = 0;
    while !meter.is_over() {
        let chunk: Vec<_> = meter.make(|| (0..CHUNK).map(|_| make()).collect());
        for event in chunk {
            send(&producer, run, finish(event)?)?;
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

fn made(records: &Records) -> Made {
    let record = records.make();
    let headers = owned(record.headers());
    (record, headers)
}

/// Consumes the event, as the publisher does.
fn finish(event: UserMetadataEvent) -> Result<Made, Failure> {
    let encoded = event.to_encoded(None)?;
    let headers = encoded.headers(SOURCE).collect::<Vec<_>>();
    let headers = owned(headers.iter().map(|(name, value)| (*name, &**value)));
    let (key, value) = (encoded.key().to_vec(), encoded.value().to_vec());
    Ok((Record { key, value }, headers))
}

fn owned<'a>(headers: impl IntoIterator<Item = (&'static str, &'a [u8])>) -> OwnedHeaders {
    let mut owned = OwnedHeaders::new_with_capacity(6);
    for (key, value) in headers {
        let value = Some(value);
        owned = owned.insert(Header { key, value });
    }
    owned
}

fn send(
    producer: &ThreadedProducer<Deliveries>,
    run: &Run,
    (event, headers): Made,
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
