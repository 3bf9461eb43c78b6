//! How many events a second the Redis sink stores, and how long a reader waits in the meantime:
//! `cargo run --release --example redis_throughput URL [EVENTS] [EVENTS A BATCH] [USERS]`.
//!
//! Use a Redis, or a number of a database, that nobody needs: the keys that it writes stay there.
#![allow(clippy::print_stdout, reason = "it is what this is for")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use user_metadata_consumer::{Delivery, Position, Sink};
use user_metadata_events::{EventId, Record, UnixMillis, UserMetadataEvent};
use user_metadata_sinks::{Presence, SinkUrl};

const TEMPLATE: &[u8] = include_bytes!("../../../fixtures/events/full.json");
const PARTITIONS: u64 = 3;
const READS: usize = 5_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .ok_or("name a Redis, e.g. redis://localhost:6379/9")?;
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (events, batch_size, users) = (number(400_000)?, number(1_000)?, number(50_000)?);
    let mut sink = url.parse::<SinkUrl>()?.open()?;
    sink.prepare().await?;
    let presence = Presence::connect(&url).await?;

    let is_done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read(presence.clone(), users, Arc::clone(&is_done)));
    let writing = write(&mut sink, events, batch_size, users).await?;
    is_done.store(true, Ordering::Relaxed);
    println!(
        "{:.0} events/s, {:.1} µs each",
        events as f64 / writing.as_secs_f64(),
        writing.as_secs_f64() * 1e6 / events as f64,
    );
    print("while they come in", reader.await??);
    let idle = Arc::new(AtomicBool::new(false));
    print("idle", read(presence, users, idle).await?);
    Ok(())
}

async fn write(
    sink: &mut impl Sink,
    events: u64,
    batch_size: u64,
    users: u64,
) -> Result<Duration, Box<dyn Error>> {
    let template = UserMetadataEvent::decode(Some(TEMPLATE))?;
    let topic: Arc<str> = Arc::from("redis-throughput");
    // Offsets go on where an earlier run has ended, or nothing would be counted.
    let start = UnixMillis::from(SystemTime::now()).as_u64();
    let mut writing = Duration::ZERO;
    for first in (0..events).step_by(usize::try_from(batch_size)?) {
        let numbers = first..events.min(first + batch_size);
        let batch: Vec<_> = numbers
            .map(|number| delivery(&template, &topic, start + number, users))
            .collect();
        let started = Instant::now();
        sink.write(&batch).await?;
        writing += started.elapsed();
    }
    Ok(writing)
}

fn delivery(template: &UserMetadataEvent, topic: &Arc<str>, number: u64, users: u64) -> Delivery {
    let mut event = template.clone();
    event.timestamp = UnixMillis::from(SystemTime::now());
    event.id = EventId::new(event.timestamp);
    // Knuth's multiplicative hash: spread, and the same in every run.
    let user = number.wrapping_mul(2_654_435_761) % users;
    event.user_id = format!("user-{user}");
    event.metadata.device = DEVICES.get(number as usize % 5).map(ToString::to_string);
    let record = Record {
        key: None,
        value: None,
        headers: Vec::new(),
        timestamp: event.timestamp,
    };
    let position = Position {
        topic: Arc::clone(topic),
        partition: u32::try_from(user % PARTITIONS).unwrap_or_default(),
        offset: number,
    };
    Delivery::new(event, record, position)
}

const DEVICES: [&str; 5] = ["Desktop", "Desktop", "Mobile", "Mobile", "Tablet"];

/// The latencies, per kind of query.
struct Times {
    latest: Vec<Duration>,
    online: Vec<Duration>,
}

/// Queries like page handlers, one after the other, until it is stopped or has asked enough.
async fn read(
    presence: Presence,
    users: u64,
    is_done: Arc<AtomicBool>,
) -> Result<Times, user_metadata_sinks::PresenceError> {
    let mut times = Times {
        latest: Vec::new(),
        online: Vec::new(),
    };
    for number in 0.. {
        if is_done.load(Ordering::Relaxed) || times.online.len() >= READS {
            break;
        }
        let user = format!("user-{}", number * 7_919 % users);
        let started = Instant::now();
        presence.latest(&user).await?;
        times.latest.push(started.elapsed());
        let started = Instant::now();
        presence.online(Duration::from_secs(300)).await?;
        times.online.push(started.elapsed());
    }
    Ok(times)
}

fn print(when: &str, times: Times) {
    for (what, mut times) in [("latest", times.latest), ("online", times.online)] {
        times.sort_unstable();
        let at = |share: usize| {
            times
                .get(times.len() * share / 100)
                .copied()
                .unwrap_or_default()
        };
        let (median, late) = (at(50), at(99));
        println!(
            "{what} {when}: p50 {median:?}, p99 {late:?} of {}",
            times.len()
        );
    }
}
