//! What the SQLite sink writes into its file.
#![cfg(feature = "sqlite")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use support::{delivery, event, good_fixtures};
use tempfile::TempDir;
use user_metadata_consumer::{Delivery, Rejection, Sink};
use user_metadata_events::UnixMillis;
use user_metadata_sinks::{BuiltinSink, FileError, OpenError, SinkUrl, SqliteSink};

/// A directory of its own, and a file in it that does not exist yet.
fn scratch() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.sqlite");
    (dir, path)
}

fn open_with(path: &Path, options: &str) -> BuiltinSink {
    let url: SinkUrl = format!("sqlite:{}{options}", path.display())
        .parse()
        .unwrap();
    url.open().unwrap()
}

/// What a reader sees.
fn read(path: &Path, query: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let columns = statement.column_count();
    let cells = |row: &rusqlite::Row<'_>| (0..columns).map(|cell| row.get(cell)).collect();
    let rows = statement.query_map((), cells).unwrap();
    rows.map(Result::unwrap).collect()
}

/// One line a cell, so that a change of one is one line of the snapshot.
fn show(path: &Path, query: &str) -> String {
    let mut shown = String::new();
    for row in read(path, query) {
        for cell in row {
            match cell {
                Value::Null => writeln!(shown, "null"),
                Value::Text(text) => writeln!(shown, "{text}"),
                Value::Integer(number) => writeln!(shown, "{number}"),
                other => writeln!(shown, "{other:?}"),
            }
            .unwrap();
        }
        shown.push('\n');
    }
    shown
}

fn count(path: &Path) -> Value {
    read(path, "SELECT count(*) FROM events")[0][0].clone()
}

async fn write(sink: &mut impl Sink, batch: &[Delivery]) {
    assert_eq!(sink.write(batch).await.unwrap(), []);
}

#[test]
fn the_schema_is_what_it_was() {
    let (_dir, path) = scratch();
    let _sink = SqliteSink::open(&path).unwrap();
    let schema = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid";
    let version = "SELECT 'version ' || user_version, printf('application %x', application_id)
        FROM pragma_user_version, pragma_application_id";
    insta::assert_snapshot!(show(&path, schema) + &show(&path, version));
}

#[tokio::test]
async fn every_fixture_is_a_row() {
    for (name, value) in good_fixtures() {
        let (_dir, path) = scratch();
        write(&mut SqliteSink::open(&path).unwrap(), &[delivery(&value)]).await;
        let row = show(&path, "SELECT * FROM events");
        insta::assert_snapshot!(format!("row_of_{name}"), row);
    }
}

#[tokio::test]
async fn an_event_is_stored_once_however_often_it_comes() {
    let (_dir, path) = scratch();
    let mut sink = SqliteSink::open(&path).unwrap();
    let first = event(1, |_| {});
    let again = event(1, |event| event.username = "Jane".into());
    let second = event(2, |_| {});
    write(&mut sink, &[first.clone(), first.clone(), again.clone()]).await;
    write(&mut sink, &[again, second, first]).await;
    let names = read(&path, "SELECT username FROM events");
    assert_eq!(
        names,
        [["John".to_owned().into()], ["John".to_owned().into()]]
    );
}

#[tokio::test]
async fn unknown_keys_stay_apart_from_those_that_details_has_itself() {
    let (_dir, path) = scratch();
    let stranger = event(1, |event| {
        event.extra.insert("screen".into(), "unknown".into());
        event.extra.insert("event".into(), 7.into());
        event.extra.insert("tenant".into(), "acme".into());
        event.metadata.extra.insert("tenant".into(), "other".into());
        event.connection_info.ip_address = Some("198.51.100.9".into());
    });
    write(&mut SqliteSink::open(&path).unwrap(), &[stranger]).await;
    let query = "SELECT ip, details ->> '$.ipAddress', details ->> '$.screen.width',
        details ->> '$.event.screen', details ->> '$.event.event', details ->> '$.tenant',
        details ->> '$.metadata.tenant' FROM events";
    let expected = "203.0.113.7\n198.51.100.9\n1920\nunknown\n7\nacme\nother\n\n";
    assert_eq!(show(&path, query), expected);
}

#[tokio::test]
async fn the_views_count_events_and_users_by_day_in_utc() {
    let (_dir, path) = scratch();
    let midnight = 1_763_856_000_000;
    let mut id = 0;
    let mut join = |user: &str, browser: Option<&str>, millis: u64| {
        id += 1;
        event(id, |event| {
            event.user_id = user.into();
            event.metadata.browser = browser.map(Into::into);
            event.timestamp = UnixMillis::new(millis).unwrap();
        })
    };
    let batch = [
        join("ann", Some("Chrome 120.0"), midnight - 1),
        join("ann", Some("Chrome 120.0"), midnight),
        join("ann", Some("Chrome 120.0"), midnight + 1),
        join("bob", Some("Chrome 120.0"), midnight + 86_399_999),
        join("bob", Some("Firefox 140.0"), midnight + 2),
        join("eve", None, midnight + 3),
        join("eve", None, 0),
    ];
    write(&mut SqliteSink::open(&path).unwrap(), &batch).await;
    let share = |view: &str| {
        let line = "SELECT concat_ws(' | ', day, coalesce(name, 'null'), events, users) FROM ";
        show(&path, &format!("{line}{view}"))
    };
    let all = ["browser_share", "os_share", "device_share"].map(share);
    insta::assert_snapshot!(all.join("---\n"));
}

#[tokio::test]
async fn addresses_are_stored_as_far_as_the_url_allows() {
    for (options, expected) in [
        ("", "203.0.113.7\n198.51.100.9\n\n"),
        ("?ip=full", "203.0.113.7\n198.51.100.9\n\n"),
        ("?ip=truncate", "203.0.113.0\n198.51.100.0\n\n"),
        ("?ip=none", "null\nnull\n\n"),
    ] {
        let (_dir, path) = scratch();
        let two_addresses = event(1, |event| {
            event.connection_info.ip_address = Some("198.51.100.9".into());
        });
        write(&mut open_with(&path, options), &[two_addresses]).await;
        let query = "SELECT ip, details ->> '$.ipAddress' FROM events";
        assert_eq!(show(&path, query), expected, "{options}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn what_it_makes_is_for_its_owner_alone_and_what_is_there_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("new/deeper");
    let path = made.join("users.sqlite");
    let mut sink = SqliteSink::open(&path).unwrap();
    write(&mut sink, &[event(1, |_| {})]).await;
    assert_eq!(mode(&made), 0o700);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&made.join("users.sqlite-wal")), 0o600);
    let allow = |path: &Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    allow(&made, 0o755);
    allow(&path, 0o640);
    let _sink = SqliteSink::open(&path).unwrap();
    assert_eq!((mode(&made), mode(&path)), (0o755, 0o640));
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_dir, path) = scratch();
    drop(SqliteSink::open(&path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("ALTER TABLE events ADD COLUMN mood TEXT")
        .unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let before = show(&path, "SELECT sql FROM sqlite_schema");
    let error = SqliteSink::open(&path).unwrap_err();
    assert!(
        matches!(
            error,
            OpenError::File(FileError::NewerSchema { found: 99, .. })
        ),
        "{error}"
    );
    assert!(error.to_string().contains("use a newer version"), "{error}");
    assert_eq!(show(&path, "SELECT sql FROM sqlite_schema"), before);
}

#[test]
fn what_is_not_its_database_is_refused_and_left_alone() {
    let (dir, path) = scratch();
    let theirs = dir.path().join("theirs.sqlite");
    let connection = Connection::open(&theirs).unwrap();
    connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
    connection.close().unwrap();
    let text = b"a line of a text that is no database\n".repeat(99);
    for content in [text, std::fs::read(theirs).unwrap()] {
        std::fs::write(&path, &content).unwrap();
        let error = SqliteSink::open(&path).unwrap_err();
        assert!(
            matches!(error, OpenError::File(FileError::Foreign { .. })),
            "{error:?}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = SqliteSink::open(dir.path().join("file/users.sqlite")).unwrap_err();
    assert!(
        matches!(error, OpenError::File(FileError::Create { .. })),
        "{error:?}"
    );
    let error = SqliteSink::open(dir.path()).unwrap_err();
    assert!(
        matches!(error, OpenError::File(FileError::Database { .. })),
        "{error:?}"
    );
}

#[test]
fn processes_that_create_the_file_at_the_same_moment_all_open_it() {
    for _ in 0..10 {
        let (_dir, path) = scratch();
        let together = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    drop(SqliteSink::open(&path).unwrap());
                });
            }
        });
        assert_eq!(count(&path), 0.into());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_take_turns() {
    let (_dir, path) = scratch();
    let write_all = |mut sink: SqliteSink, first: u32| async move {
        for batch in 0..20 {
            let ids = first + batch * 10..first + batch * 10 + 10;
            let batch: Vec<_> = ids.map(|id| event(id, |_| {})).collect();
            write(&mut sink, &batch).await;
        }
    };
    let one = tokio::spawn(write_all(SqliteSink::open(&path).unwrap(), 0));
    let two = tokio::spawn(write_all(SqliteSink::open(&path).unwrap(), 1_000));
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(count(&path), 400.into());
}

#[tokio::test]
async fn once_the_sink_is_dropped_all_is_in_the_one_file() {
    let (_dir, path) = scratch();
    let mut sink = open_with(&path, "");
    write(&mut sink, &[event(1, |_| {})]).await;
    let log = path.with_extension("sqlite-wal");
    assert!(log.exists());
    drop(sink);
    assert!(!log.exists());
    assert_eq!(count(&path), Value::Integer(1));
}

#[tokio::test]
async fn what_was_stored_is_there_when_it_is_opened_again() {
    let (_dir, path) = scratch();
    write(&mut SqliteSink::open(&path).unwrap(), &[event(1, |_| {})]).await;
    write(
        &mut SqliteSink::open(&path).unwrap(),
        &[event(1, |_| {}), event(2, |_| {})],
    )
    .await;
    assert_eq!(count(&path), 2.into());
}

#[tokio::test]
async fn an_event_of_the_future_is_rejected_alone_and_freezes_no_user() {
    let (_dir, path) = scratch();
    let now = std::time::SystemTime::now();
    let hour = std::time::Duration::from_secs(3_600);
    let batch = [(1, 0), (2, 25), (3, 23)].map(|(id, hours)| {
        event(id, |event| {
            event.timestamp = UnixMillis::from(now).saturating_add(hour * hours);
        })
    });
    let rejected = open_with(&path, "").write(&batch).await.unwrap();
    assert_eq!(rejected, [Rejection::new(1, "timestamp_out_of_range")]);
    let users = read(&path, "SELECT events, last_seen FROM users");
    let last = batch[2].event.timestamp.as_i64();
    assert_eq!(users, [[Value::Integer(2), Value::Integer(last)]]);
}
