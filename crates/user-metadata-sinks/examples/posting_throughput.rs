//! How many events a second the MongoDB sink and two that post store:
//! `cargo run --release --all-features --example posting_throughput [EVENTS] [ROUNDS] [USERS]`.
//!
//! MongoDB is the server of `MONGODB_URL`, or the one of the tests, which speaks its protocol and is
//! not MongoDB. What is posted goes to a server in this process that reads it and answers at once.
#![allow(clippy::print_stdout, reason = "it is what this is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::body::Bytes;
use user_metadata_consumer::{Delivery, Position, Sink};
use user_metadata_events::{EventId, Record, UnixMillis, UserMetadataEvent};
use user_metadata_sinks::SinkUrl;
use user_metadata_testing::{Scratch, mongo};

type Failure = Box<dyn Error + Send + Sync>;

const TEMPLATE: &[u8] = include_bytes!("../../../fixtures/events/full.json");
const NAMES: [&str; 3] = ["mongodb", "webhook", "segment"];
/// As the consumer has it.
const BATCH: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (events, rounds, users) = (number(100_000)?, number(3)?, number(50_000)?);
    let deliveries = deliveries(events, users)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Router::new().fallback(async |_: Bytes| "{}");
    let server = tokio::spawn(async { axum::serve(listener, server).await });
    let secrets = Scratch::new("posting-throughput");
    let [webhook, segment] = ["webhook", "segment"].map(|name| secrets.file(name));
    std::fs::write(&webhook, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz")?;
    std::fs::write(&segment, "token")?;
    let mut rates = NAMES.map(|_| Vec::new());
    for round in 0..rounds {
        let database = format!("throughput-{}-{round}", std::process::id());
        let urls = [
            mongo::shared(&database).map_err(|missing| missing.to_string())?,
            format!("webhook:http://{address}/hook?secret-file={webhook}"),
            format!("segment:?host=http://{address}&token-file={segment}"),
        ];
        for (url, rates) in urls.iter().zip(&mut rates) {
            rates.push(measure(url, &deliveries).await?);
        }
    }
    println!("| sink | events/s, min / **median** / max |\n|---|---|");
    for (name, rates) in NAMES.iter().zip(&mut rates) {
        rates.sort_by(f64::total_cmp);
        if let (Some(min), Some(median), Some(max)) =
            (rates.first(), rates.get(rounds / 2), rates.last())
        {
            println!("| `{name}:` | {min:.0} / **{median:.0}** / {max:.0} |");
        }
    }
    server.abort();
    Ok(())
}

/// Events a second.
async fn measure(url: &str, deliveries: &[Delivery]) -> Result<f64, Failure> {
    let mut sink = url.parse::<SinkUrl>()?.open()?;
    sink.prepare().await?;
    let started = Instant::now();
    for batch in deliveries.chunks(BATCH) {
        if !sink.write(batch).await?.is_empty() {
            return Err("events were rejected".into());
        }
    }
    Ok(deliveries.len() as f64 / started.elapsed().as_secs_f64())
}

/// The users come in a random order: the more there are, the more documents of `users` a batch
/// touches.
fn deliveries(events: usize, users: usize) -> Result<Vec<Delivery>, Failure> {
    let template = UserMetadataEvent::decode(Some(TEMPLATE))?;
    let topic: Arc<str> = Arc::from("throughput");
    let delivery = |number: usize| {
        let mut event = template.clone();
        event.timestamp = UnixMillis::from(SystemTime::now());
        event.id = EventId::new(event.timestamp);
        // Knuth's multiplicative hash: spread, and the same in every run.
        event.user_id = format!("user-{}", number.wrapping_mul(2_654_435_761) % users);
        let record = Record {
            key: None,
            value: Some(event.encode()?.into()),
            headers: Vec::new(),
            timestamp: event.timestamp,
        };
        let position = Position {
            topic: Arc::clone(&topic),
            partition: 0,
            offset: number as u64,
        };
        Ok(Delivery::new(event, record, position))
    };
    (0..events).map(delivery).collect()
}
