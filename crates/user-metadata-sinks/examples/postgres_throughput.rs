//! How many events a second the PostgreSQL sink stores, beside a raw binary COPY of the same rows
//! into the same table: `cargo run --release --all-features --example postgres_throughput [EVENTS]
//! [ROUNDS] [USERS]`, on the server of `DATABASE_URL` or one of its own.
//!
//! The users come in a random order: the more there are, the more rows of `users` a batch touches.
#![allow(clippy::print_stdout, reason = "it is what this is for")]

use std::error::Error;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};
use user_metadata_consumer::{Delivery, Position, Sink};
use user_metadata_events::{EventId, Record, UnixMillis, UserMetadataEvent};
use user_metadata_sinks::SinkUrl;
use user_metadata_testing::postgres::{Database, Server, database};

type Failure = Box<dyn Error + Send + Sync>;

const TEMPLATE: &[u8] = include_bytes!("../../../fixtures/events/full.json");
/// Rows of a transaction.
const BATCH: usize = 2_000;
/// What is measured: none is the raw COPY, the others are options of the sink.
const CONTENDERS: [(&str, Option<&str>, usize); 5] = [
    ("raw COPY", None, 1),
    ("events", Some("users=off"), 1),
    ("events", Some("users=off"), 2),
    ("events and users", Some("users=on"), 1),
    ("events and users", Some("users=on"), 2),
];

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (events, rounds, users) = (number(200_000)?, number(3)?, number(50_000)?);
    let deliveries = deliveries(events, users)?;
    let own = match std::env::var("DATABASE_URL") {
        Ok(_) => None,
        // As it comes: what is committed is on disk.
        Err(_) => Some(Server::start_with(&["fsync=on"]).map_err(|missing| missing.to_string())?),
    };
    let mut rates = CONTENDERS.map(|_| Vec::new());
    for _ in 0..rounds {
        for ((_, options, connections), rates) in CONTENDERS.iter().zip(&mut rates) {
            let database = match &own {
                Some(server) => server.database(),
                None => database().map_err(|missing| missing.to_string())?,
            };
            rates.push(measure(&database, *options, *connections, &deliveries).await?);
        }
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let raw = median(&mut rates[0]);
    println!("| writer | connections | events/s, min / median / max | ratio |\n|---|---|---|---|");
    for ((name, _, connections), rates) in CONTENDERS.iter().zip(&mut rates) {
        let median = median(rates);
        let (min, max) = (rates[0], rates[rates.len() - 1]);
        let ratio = median / raw;
        println!("| {name} | {connections} | {min:.0} / {median:.0} / {max:.0} | {ratio:.2} |");
    }
    Ok(())
}

/// Events a second.
async fn measure(
    database: &Database,
    options: Option<&str>,
    connections: usize,
    deliveries: &[Delivery],
) -> Result<f64, Failure> {
    let sink_options = options.unwrap_or("users=off");
    let url = format!(
        "{}?{sink_options}&connections={connections}",
        database.url()
    );
    let mut sink = url.parse::<SinkUrl>()?.open()?;
    // Makes the table that the raw COPY writes to, too; what is to be there is there.
    sink.prepare().await?;
    database.execute("SELECT ensure_partition(now())");
    let started = if options.is_some() {
        let started = Instant::now();
        for batch in deliveries.chunks(BATCH * connections) {
            let rejections = sink.write(batch).await?;
            assert!(rejections.is_empty(), "{rejections:?}");
        }
        started
    } else {
        let rows = deliveries.iter().map(RawRow::new);
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        let (mut client, connection) = tokio_postgres::connect(database.url(), NoTls).await?;
        let connection = tokio::spawn(connection);
        let started = Instant::now();
        for batch in rows.chunks(BATCH) {
            copy(&mut client, batch).await?;
        }
        drop(client);
        connection.await??;
        started
    };
    let rate = deliveries.len() as f64 / started.elapsed().as_secs_f64();
    let stored = database.query("SELECT count(*) FROM events");
    assert_eq!(stored, [deliveries.len().to_string()]);
    Ok(rate)
}

async fn copy(client: &mut Client, rows: &[RawRow<'_>]) -> Result<(), tokio_postgres::Error> {
    const COPY: &str = "copy events (id, user_id, username, session_id, timestamp, connection_time,
        client_id, ip, user_agent, browser, os, device, language, details)
        from stdin (format binary)";
    const TEXT: Type = Type::TEXT;
    let types = [
        Type::UUID,
        TEXT,
        TEXT,
        TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::UUID,
        Type::INET,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        TEXT,
        Type::JSONB,
    ];
    let transaction = client.transaction().await?;
    let sink = transaction.copy_in(COPY).await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for row in rows {
        let event = row.event;
        let metadata = &event.metadata;
        writer
            .as_mut()
            .write(&[
                &row.id,
                &event.user_id,
                &event.username,
                &event.session_id,
                &row.timestamp,
                &row.connection_time,
                &row.client_id,
                &row.ip,
                &metadata.user_agent,
                &metadata.browser,
                &metadata.os,
                &metadata.device,
                &metadata.language,
                &row.details,
            ])
            .await?;
    }
    writer.finish().await?;
    transaction.commit().await
}

/// What the raw COPY gets ready-made.
struct RawRow<'a> {
    event: &'a UserMetadataEvent,
    id: Raw,
    timestamp: SystemTime,
    connection_time: SystemTime,
    client_id: Raw,
    ip: Option<IpAddr>,
    details: Raw,
}

impl<'a> RawRow<'a> {
    fn new(delivery: &'a Delivery) -> Result<Self, serde_json::Error> {
        let event = &delivery.event;
        let metadata = &event.metadata;
        let details = serde_json::json!({
            "agent": metadata.agent, "screen": metadata.screen, "timezone": metadata.timezone,
            "claimedHints": true, "ipSource": "x-forwarded-for", "verified": true,
        });
        let mut jsonb = vec![1];
        serde_json::to_writer(&mut jsonb, &details)?;
        Ok(Self {
            event,
            id: Raw(event.id.to_u128().to_be_bytes().to_vec()),
            timestamp: event.timestamp.into(),
            connection_time: event.connection_info.connection_time.into(),
            client_id: Raw(event
                .connection_info
                .client_id
                .to_u128()
                .to_be_bytes()
                .to_vec()),
            ip: metadata
                .ip
                .as_ref()
                .and_then(user_metadata_events::ClientIp::address),
            details: Raw(jsonb),
        })
    }
}

/// A value as it is on the wire.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn deliveries(events: usize, users: usize) -> Result<Vec<Delivery>, Failure> {
    let template = UserMetadataEvent::decode(Some(TEMPLATE))?;
    let topic = Arc::from("user-metadata");
    let now = UnixMillis::from(SystemTime::now()).as_u64();
    let mut deliveries = Vec::with_capacity(events);
    for number in 0..u64::try_from(events)? {
        let mut event = template.clone();
        event.timestamp = UnixMillis::new(now + number / 100).ok_or("no such time")?;
        event.id = EventId::from_parts(event.timestamp, u128::from(number));
        // Knuth's multiplicative hash: spread, and the same in every run.
        let user = number.wrapping_mul(2_654_435_761) % u64::try_from(users)?;
        event.user_id = format!("user-{user}");
        let record = Record {
            key: None,
            value: None,
            headers: Vec::new(),
            timestamp: event.timestamp,
        };
        let position = Position {
            topic: Arc::clone(&topic),
            partition: u32::try_from(user % 2)?,
            offset: number,
        };
        deliveries.push(Delivery::new(event, record, position));
    }
    Ok(deliveries)
}
