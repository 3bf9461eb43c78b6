//! What the SQLite sink counts per user and session.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use support::event;
use tempfile::TempDir;
use user_metadata_consumer::{Delivery, Sink};
use user_metadata_events::UnixMillis;
use user_metadata_sinks::{BuiltinSink, SinkUrl};

const NOON: u64 = 1_763_856_000_000;
const USERS: &str = "SELECT concat_ws('|', user_id, username, first_seen - 1763856000000,
    last_seen - 1763856000000, events, browser, os, device, language, ip) FROM users ORDER BY 1";
const SESSIONS: &str = "SELECT concat_ws('|', user_id, session_id, started_at - 1763856000000,
    last_seen - 1763856000000, events, browser, os, device, ip) FROM sessions ORDER BY 1";

fn scratch() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.sqlite");
    (dir, path)
}

fn open(path: &Path, options: &str) -> BuiltinSink {
    let url = format!("sqlite:{}?{options}", path.display());
    url.parse::<SinkUrl>().unwrap().open().unwrap()
}

fn read(path: &Path, query: &str) -> Vec<String> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn join(id: u32, user: &str, name: &str, seconds: u64) -> Delivery {
    event(id, |event| {
        event.user_id = user.into();
        event.username = name.into();
        event.session_id = format!("s{}", id % 2);
        event.metadata.browser = Some(format!("Browser of {name}"));
        event.timestamp = UnixMillis::new(NOON + seconds).unwrap();
    })
}

/// In no order of time.
fn joins() -> Vec<Delivery> {
    vec![
        join(1, "ann", "Ann the second", 20),
        join(2, "bob", "Bob", 5),
        join(3, "ann", "Ann the third", 30),
        join(4, "ann", "Ann the first", 10),
    ]
}

const EXPECTED: [&str; 2] = [
    "ann|Ann the third|10|30|3|Browser of Ann the third|Windows 10|Desktop|en-US,en;q=0.9|203.0.113.7",
    "bob|Bob|5|5|1|Browser of Bob|Windows 10|Desktop|en-US,en;q=0.9|203.0.113.7",
];
const EXPECTED_SESSIONS: [&str; 3] = [
    "ann|s0|10|10|1|Browser of Ann the first|Windows 10|Desktop|203.0.113.7",
    "ann|s1|20|30|2|Browser of Ann the third|Windows 10|Desktop|203.0.113.7",
    "bob|s0|5|5|1|Browser of Bob|Windows 10|Desktop|203.0.113.7",
];

async fn write(sink: &mut BuiltinSink, batch: &[Delivery]) {
    assert_eq!(sink.write(batch).await.unwrap(), []);
}

#[tokio::test]
async fn an_event_counts_once_however_it_is_batched_and_however_often_it_comes() {
    for size in 1..=4 {
        let (_dir, path) = scratch();
        let mut sink = open(&path, "sessions=on");
        for batch in joins().chunks(size) {
            write(&mut sink, batch).await;
            write(&mut sink, batch).await;
        }
        let again = [joins(), joins()].concat();
        write(&mut sink, &again).await;
        assert_eq!(read(&path, USERS), EXPECTED, "in batches of {size}");
        assert_eq!(read(&path, SESSIONS), EXPECTED_SESSIONS);
    }
}

#[tokio::test]
async fn tables_that_are_not_wanted_stay_empty_and_are_filled_once_they_are() {
    let (_dir, path) = scratch();
    write(&mut open(&path, "users=off"), &joins()[..2]).await;
    assert_eq!(read(&path, USERS), [""; 0]);
    write(&mut open(&path, ""), &joins()).await;
    assert_eq!(read(&path, USERS), EXPECTED);
    assert_eq!(read(&path, SESSIONS), [""; 0]);
    drop(open(&path, "sessions=on"));
    assert_eq!(read(&path, SESSIONS), EXPECTED_SESSIONS);
}

/// A file as version 1 has left it.
fn version_1(path: &Path, from: &Path) {
    let connection = Connection::open(path).unwrap();
    let create = include_str!("../src/sqlite/version_1.sql");
    connection.execute_batch(create).unwrap();
    connection
        .pragma_update(None, "application_id", 0x756d_7331)
        .unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let copy = format!(
        "ATTACH '{}' AS other; INSERT INTO events SELECT * FROM other.events; DETACH other",
        from.display()
    );
    connection.execute_batch(&copy).unwrap();
}

#[tokio::test]
async fn a_file_of_the_version_before_keeps_its_events_and_gets_their_users() {
    let (_other_dir, other) = scratch();
    write(&mut open(&other, "users=off"), &joins()[..3]).await;
    let (_dir, path) = scratch();
    version_1(&path, &other);
    let before = read(
        &path,
        "SELECT concat_ws('|', id, user_id, timestamp) FROM events",
    );
    let mut sink = open(&path, "");
    let after = read(
        &path,
        "SELECT concat_ws('|', id, user_id, timestamp) FROM events",
    );
    assert_eq!((after.len(), &after), (3, &before));
    write(&mut sink, &joins()).await;
    assert_eq!(read(&path, USERS), EXPECTED);
    drop(sink);
    let schema = "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
    assert_eq!(read(&path, schema), read(&other, schema), "as a new file");
    let version = "SELECT CAST(user_version AS TEXT) FROM pragma_user_version";
    assert_eq!(read(&path, version), ["2"]);
}

#[tokio::test]
async fn of_many_that_upgrade_a_file_at_once_one_does() {
    let (_other_dir, other) = scratch();
    write(&mut open(&other, ""), &joins()).await;
    let (_dir, path) = scratch();
    version_1(&path, &other);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| drop(open(&path, "")));
        }
    });
    assert_eq!(read(&path, USERS), EXPECTED);
}
