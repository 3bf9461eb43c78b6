use std::time::{Duration, Instant, SystemTime};

use tokio::time::interval;
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, UnixMillis, User, UserMetadataEvent,
};
use user_metadata_publisher::{DiskOutbox, KafkaTarget, PublisherOptions, kafka_on_disk};
use user_metadata_testing::load::percentile;
use user_metadata_testing::{Port, Scratch};

use crate::Failure;
use crate::verdict::Verdict;

const EVENTS: u64 = 3_000;
const EVERY: Duration = Duration::from_millis(2);
/// The promise.
const CEILING: Duration = Duration::from_millis(5);

/// Prints how long it takes until an event is on the outbox's disk, while Kafka is down.
pub(crate) async fn measure(verdict: &mut Verdict) -> Result<(), Failure> {
    let (scratch, port) = (Scratch::new("bench-disk"), Port::free());
    let target = KafkaTarget::new([port.to_string()])?;
    let outbox = DiskOutbox::new(scratch.file("outbox.db"));
    let (publisher, task) = kafka_on_disk(target, outbox, PublisherOptions::default())?;
    let monitor = publisher.monitor();
    let task = tokio::spawn(task.run());
    let mut ticks = interval(EVERY);
    let mut times = Vec::new();
    for number in 0..EVENTS {
        ticks.tick().await;
        let event = event(number)?;
        let start = Instant::now();
        publisher.publish(event, None)?;
        while monitor.pending_on_disk() <= number {
            tokio::task::yield_now().await;
        }
        times.push(start.elapsed());
    }
    task.abort();
    times.sort_unstable();
    let [half, most] = [50, 99].map(|share| percentile(&times, share));
    println!("from publish to the outbox's disk, {EVENTS} events, one every {EVERY:?}:");
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    verdict.check(
        format_args!("  p50 {:.1} ms, p99 {:.1} ms", ms(half), ms(most)),
        "p99 at most 5 ms",
        most <= CEILING,
    );
    Ok(())
}

fn event(number: u64) -> Result<UserMetadataEvent, Failure> {
    let now = UnixMillis::from(SystemTime::now());
    let user = User::new(format!("user-{}", number % 500), "John", None)?;
    let connection = ConnectionInfo::new(ClientId::new(now));
    let event = UserMetadataEvent::new(EventId::new(now), user, Metadata::default(), connection);
    Ok(event)
}
