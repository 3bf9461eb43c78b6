use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use user_metadata_testing::load::{Load, percentile};
use user_metadata_testing::process::{MetadataConsumer, WsServer};
use user_metadata_testing::{Scratch, until};

use crate::Failure;
use crate::verdict::Verdict;

const JOINS: u32 = 10_000;
const PER_SECOND: u32 = 1_000;
const CEILING: Duration = Duration::from_secs(1);

/// Prints the time from a join to its row.
pub(crate) async fn measure(brokers: Option<&str>, verdict: &mut Verdict) -> Result<(), Failure> {
    let scratch = Scratch::new("bench-latency");
    let (data, path) = (scratch.file("data"), scratch.file("users.sqlite"));
    let sink = format!("sqlite:{path}");
    let (name, from) = match brokers {
        Some(brokers) => ("Kafka", ["--brokers", brokers, "--topic", "latency"]),
        None => (
            "embedded log",
            ["--data-dir", &data, "--topic", "user-metadata"],
        ),
    };
    let server = WsServer::start(&from);
    let consumer = MetadataConsumer::start(&[&from[..], &["--sink", &sink]].concat());
    until("/readyz", Duration::from_secs(60), || {
        (consumer.get("/readyz").status == 200).then_some(())
    });
    let watched = tokio::task::spawn_blocking(move || watch(&path));
    let load = Load {
        address: server.listen().address(),
        connections: JOINS,
        per_second: Some(PER_SECOND),
        at_once: 1_000,
    };
    let report = load.join().await;
    if let Some(failure) = report.failures.first() {
        return Err(format!("a join failed: {failure}").into());
    }
    let mut latencies = watched.await??;
    latencies.sort_unstable();
    let (p50, p99) = (percentile(&latencies, 50), percentile(&latencies, 99));
    verdict.check(
        format_args!(
            "join to row at {PER_SECOND} joins/s, {name}: p50 {} ms, p99 {} ms",
            p50.as_millis(),
            p99.as_millis()
        ),
        "p99 at most 1 s",
        p99 <= CEILING,
    );
    Ok(())
}

/// Polls the database as any reader would, and records for each row how long after its join it was
/// visible.
fn watch(path: &str) -> Result<Vec<Duration>, Failure> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    database.busy_timeout(Duration::from_secs(5))?;
    let mut new = database.prepare("SELECT rowid, timestamp FROM events WHERE rowid > ?1")?;
    let mut latencies = Vec::new();
    let mut last = 0_i64;
    until("all rows", Duration::from_secs(60), || {
        let rows = new.query_map([last], |row| Ok((row.get(0)?, row.get(1)?)));
        let rows: Vec<(i64, i64)> = rows.and_then(Iterator::collect).unwrap_or_default();
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        for (row, joined) in rows {
            let joined = Duration::from_millis(joined.unsigned_abs());
            latencies.push(now.saturating_sub(joined));
            last = last.max(row);
        }
        (latencies.len() >= JOINS as usize).then_some(())
    });
    Ok(latencies)
}
