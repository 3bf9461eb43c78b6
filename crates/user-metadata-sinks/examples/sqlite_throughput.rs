//! How many events a second the SQLite sink stores:
//! `cargo run --release --example sqlite_throughput [EVENTS] [EVENTS A BATCH] [USERS]`.
//!
//! The users come in a random order: the more there are, the more pages of `users` a batch touches.
#![allow(clippy::print_stdout, reason = "it is what this is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use user_metadata_consumer::{Delivery, Position, Sink};
use user_metadata_events::{EventId, Record, UnixMillis, UserMetadataEvent};
use user_metadata_sinks::SinkUrl;

const TEMPLATE: &[u8] = include_bytes!("../../../fixtures/events/full.json");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(Ok(default), |text| text.parse());
    let (events, batch_size, users) = (number(400_000)?, number(1_000)?, number(50_000)?);
    for options in ["users=off", "users=on", "users=on&sessions=on"] {
        measure(options, events, batch_size, users).await?;
    }
    Ok(())
}

async fn measure(
    options: &str,
    events: u64,
    batch_size: u64,
    users: u64,
) -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("users.sqlite");
    let url: SinkUrl = format!("sqlite:{}?{options}", path.display()).parse()?;
    let mut sink = url.open()?;
    let template = UserMetadataEvent::decode(Some(TEMPLATE))?;
    let topic = Arc::from("user-metadata");
    let mut writing = Duration::ZERO;
    for first in (0..events).step_by(usize::try_from(batch_size)?) {
        let numbers = first..events.min(first + batch_size);
        let batch: Vec<_> = numbers
            .map(|n| delivery(&template, &topic, n, users))
            .collect();
        let started = Instant::now();
        sink.write(&batch).await?;
        writing += started.elapsed();
    }
    let bytes = path.metadata()?.len();
    println!(
        "{options}: {:.0} events/s, {:.1} µs each; {} bytes each",
        events as f64 / writing.as_secs_f64(),
        writing.as_secs_f64() * 1e6 / events as f64,
        bytes / events,
    );
    Ok(())
}

fn delivery(template: &UserMetadataEvent, topic: &Arc<str>, number: u64, users: u64) -> Delivery {
    let mut event = template.clone();
    let millis = event.timestamp.as_u64() + number / 100;
    event.timestamp = UnixMillis::new(millis).unwrap_or(UnixMillis::MAX);
    event.id = EventId::from_parts(event.timestamp, u128::from(number));
    // Knuth's multiplicative hash: spread, and the same in every run.
    event.user_id = format!("user-{}", number.wrapping_mul(2_654_435_761) % users);
    let record = Record {
        key: None,
        value: None,
        headers: Vec::new(),
        timestamp: event.timestamp,
    };
    let position = Position {
        topic: Arc::clone(topic),
        partition: 0,
        offset: number,
    };
    Delivery::new(event, record, position)
}
