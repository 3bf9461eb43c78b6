//! The publisher, as a program that publishes as fast as it can.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use tokio::time::sleep;
use user_metadata_events::UserMetadataEvent;
use user_metadata_publisher::{
    DiskOutbox, KafkaTarget, PublishError, Publisher, PublisherOptions, TopicSpec, kafka,
    kafka_on_disk,
};
use user_metadata_testing::Scratch;

use super::events;
use super::meter::Meter;
use crate::Failure;

/// The argument that makes this program the publisher with the outbox in memory.
pub(crate) const FROM_MEMORY: &str = "publish-from-memory";
/// The argument for the outbox on disk.
pub(crate) const FROM_DISK: &str = "publish-from-disk";

/// Events made at a time.
const CHUNK: u64 = 500;
/// How long to wait for a full outbox to drain: a timer, so that waiting costs nothing.
const PAUSE: Duration = Duration::from_millis(1);

/// Takes the same arguments as the peers.
pub(crate) async fn publish(command: &str, arguments: &[&str]) -> Result<(), Failure> {
    let [brokers, topic, partitions, compression, path, seconds] = arguments else {
        return Err(format!("unknown arguments: {arguments:?}").into());
    };
    let partitions: NonZeroU32 = partitions.parse()?;
    let mut target = KafkaTarget::new([brokers])?;
    target.topic = TopicSpec::new(*topic, partitions, NonZeroU16::MIN)?;
    target.compression = compression.parse()?;
    let mut options = PublisherOptions::default();
    options.source = "/ws-server/bench".to_owned();
    let scratch = Scratch::new("bench-outbox");
    let (publisher, task) = if command == FROM_DISK {
        let outbox = DiskOutbox::new(scratch.file("outbox.db"));
        kafka_on_disk(target, outbox, options)?
    } else {
        kafka(target, options)
    };
    let task = tokio::spawn(task.run());
    let templates = events::read(path)?;
    let made = |number: u64| events::made(&templates, number);

    publisher.publish(made(0), None)?;
    while publisher.accounting().published == 0 {
        sleep(PAUSE).await;
    }
    let meter = Meter::start(Duration::from_secs(seconds.parse()?));
    let mut next = 0;
    while !meter.is_over() {
        let chunk: Vec<_> = meter.make(|| (next..next + CHUNK).map(made).collect());
        next += CHUNK;
        for event in chunk {
            put(&publisher, event).await?;
        }
    }
    drop(publisher);
    let account = task.await?;
    let written = account.published;
    if account.pending > 0 || account.accepted != written + account.dropped.total() {
        return Err(format!("events are missing: {account:?}").into());
    }
    meter.report(written - 1, written)
}

/// A refused event is lost and counted as such; the next waits until there is room.
async fn put(publisher: &Publisher, event: UserMetadataEvent) -> Result<(), Failure> {
    match publisher.publish(event, None) {
        Err(PublishError::QueueFull { .. }) => sleep(PAUSE).await,
        result => result?,
    }
    Ok(())
}
