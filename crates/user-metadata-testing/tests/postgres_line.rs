//! From the embedded log into PostgreSQL, while the consumer and the server are killed repeatedly.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use user_metadata_events::{EventId, UnixMillis, UserMetadataEvent, partition_for_key};
use user_metadata_log::{Batch, DataDir, LogOptions, LogRecord, LogWriter};
use user_metadata_testing::postgres::{Database, Server};
use user_metadata_testing::process::MetadataConsumer;
use user_metadata_testing::{Scratch, fixtures, require, until};

const PARTITIONS: NonZeroU32 = NonZeroU32::new(3).unwrap();
const EVENTS: u32 = 24_000;
const BATCH: usize = 100;
/// Rare enough for both ways of writing: after a duplicate the sink checks for conflicts for 50
/// batches.
const BATCHES_PER_DOUBLE: u32 = 40;
/// The numbers of rows at which something is killed.
const DEATHS: [(u32, Death); 12] = [
    (200, Death::Consumer),
    (1_500, Death::Server),
    (3_500, Death::Consumer),
    (5_500, Death::Consumer),
    (7_500, Death::Server),
    (9_500, Death::Consumer),
    (11_500, Death::Server),
    (13_500, Death::Consumer),
    (15_500, Death::Consumer),
    (17_500, Death::Server),
    (19_500, Death::Consumer),
    (21_500, Death::Server),
];

#[derive(Debug, Clone, Copy)]
enum Death {
    /// `kill -9`.
    Consumer,
    /// `pg_ctl stop -m immediate`.
    Server,
}

#[test]
fn every_event_counts_once_however_often_either_side_dies() {
    let mut server = require!(Server::start());
    let database = server.database();
    let scratch = Scratch::new("postgres-line");
    let data = scratch.file("data");
    let records = fill_topic(&data);
    assert!(records > EVENTS + 3, "some come twice");

    let sink = format!("{}?sessions=on", database.url());
    let batch = BATCH.to_string();
    let flags = [
        "--data-dir",
        &data,
        "--sink",
        &sink,
        "--batch-max-events",
        &batch,
    ];
    let mut consumer = MetadataConsumer::start(&flags);
    for (rows, death) in DEATHS {
        wait_for_rows(&database, rows);
        match death {
            Death::Consumer => {
                drop(consumer.running.kill());
                consumer = MetadataConsumer::start(&flags);
            }
            Death::Server => {
                server.crash();
                server.restart();
            }
        }
    }
    wait_for_rows(&database, EVENTS);
    // The duplicates may come last.
    until("the end of the topic", Duration::from_secs(60), || {
        let status = consumer.get("/status").body;
        let status: String = status.split_whitespace().collect();
        status.contains("\"lagRecords\":0,").then_some(())
    });
    let counts = "SELECT count(*), count(DISTINCT id), (SELECT sum(events) FROM users),
        (SELECT sum(events) FROM sessions) FROM events";
    assert_eq!(
        database.query(counts),
        [format!("{EVENTS}|{EVENTS}|{EVENTS}|{EVENTS}")]
    );
    let of_each = "SELECT count(*) FROM users u WHERE (events, first_seen, last_seen) IS DISTINCT FROM
        (SELECT (count(*), min(timestamp), max(timestamp)) FROM events e WHERE e.user_id = u.user_id)";
    assert_eq!(database.query(of_each), ["0"]);
    assert_eq!(consumer.running.stop().code, Some(0));
}

fn wait_for_rows(database: &Database, rows: u32) {
    until(&format!("{rows} rows"), Duration::from_secs(120), || {
        // Less often than `until` polls: each query is a process.
        let count = "SELECT count(*) FROM events, pg_sleep(0.1)";
        let count = database.try_query(count).ok()?;
        (count.first()?.parse::<u32>().ok()? >= rows).then_some(())
    });
}

/// Fills the topic; some batches repeat an event of the one before. Returns the number of records.
fn fill_topic(data: &str) -> u32 {
    let mut writer =
        LogWriter::open(DataDir::new(data).topic_path(), LogOptions::default()).unwrap();
    let full = std::fs::read(fixtures().join("events/full.json")).unwrap();
    let template = UserMetadataEvent::decode(Some(&full)).unwrap();
    let start = UnixMillis::from(SystemTime::now()).as_u64() - u64::from(EVENTS);
    let mut waiting = [const { Vec::new() }; PARTITIONS.get() as usize];
    let mut records = 0;
    let mut batches = 0_u32;
    for number in 0..EVENTS {
        let record = record(&template, number, start);
        let partition = partition_for_key(record.key.as_deref().unwrap(), PARTITIONS);
        let of_partition: &mut Vec<LogRecord> = &mut waiting[partition as usize];
        of_partition.push(record);
        if of_partition.len() >= BATCH || number + 1 == EVENTS {
            let batch = std::mem::take(of_partition);
            append(&mut writer, partition, &batch);
            records += u32::try_from(batch.len()).unwrap();
            batches += 1;
            if batches.is_multiple_of(BATCHES_PER_DOUBLE) {
                of_partition.push(batch[batch.len() / 2].clone());
            }
        }
    }
    for (partition, rest) in (0..).zip(&waiting) {
        append(&mut writer, partition, rest);
        records += u32::try_from(rest.len()).unwrap();
    }
    records
}

fn append(writer: &mut LogWriter, partition: u32, records: &[LogRecord]) {
    if !records.is_empty() {
        writer.append(&[Batch { partition, records }]).unwrap();
    }
}

fn record(template: &UserMetadataEvent, number: u32, start: u64) -> LogRecord {
    let mut event = template.clone();
    event.timestamp = UnixMillis::new(start + u64::from(number)).unwrap();
    event.id = EventId::from_parts(event.timestamp, number.into());
    // Spread out, and the same in every run.
    event.user_id = format!("user-{}", number.wrapping_mul(2_654_435_761) % 5_000);
    event.session_id = format!("session-{}", number % 3);
    let record = event.to_record("/test", None).unwrap();
    LogRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp_ms: event.timestamp.as_i64(),
    }
}
