//! File errors, and what they mean for the batch.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use user_metadata_consumer::{Delivery, Position, Sink, SinkError};
use user_metadata_events::{EventId, UserMetadataEvent};

use super::SqliteSink;
use super::database::Database;
use crate::tables::Tables;

/// A file, and another connection to it.
struct Scratch {
    _dir: TempDir,
    path: PathBuf,
}

impl Scratch {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("users.sqlite");
        Self { _dir: dir, path }
    }

    fn other(&self) -> Connection {
        Connection::open(&self.path).unwrap()
    }

    fn rows(&self) -> u32 {
        let count = "SELECT count(*) FROM events";
        self.other().query_row(count, (), |row| row.get(0)).unwrap()
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.path.clone().into_os_string();
            name.push(suffix);
            std::fs::remove_file(Path::new(&name)).unwrap();
        }
    }
}

/// Events with the ids from `first`.
fn batch(first: u32, count: u32) -> Vec<Delivery> {
    let full = include_bytes!("../../../../fixtures/events/full.json");
    let template = UserMetadataEvent::decode(Some(full)).unwrap();
    let deliveries = (first..first + count).map(|number| {
        let mut event = template.clone();
        event.id = EventId::from_parts(event.timestamp, number.into());
        let position = Position {
            topic: Arc::from("user-metadata"),
            partition: 0,
            offset: number.into(),
        };
        let record = event.to_record("/test", None).unwrap();
        Delivery::new(event, record, position)
    });
    deliveries.collect()
}

fn unavailable(error: &SinkError) -> String {
    let SinkError::Unavailable { source, .. } = error else {
        panic!("{error:?}");
    };
    in_words(&**source)
}

fn fatal(error: &SinkError) -> String {
    let SinkError::Fatal(source) = error else {
        panic!("{error:?}");
    };
    in_words(&**source)
}

fn in_words(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let words: Vec<_> = causes.map(ToString::to_string).collect();
    words.join(": ")
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_nothing_of_the_batch_is_stored() {
    let scratch = Scratch::new();
    let database = Database::open(&scratch.path, Tables::default()).unwrap();
    // SQLite reports a full disk once the file would have more pages.
    let pragma = "PRAGMA max_page_count = 60";
    let set = database
        .connection
        .query_row(pragma, (), |row| row.get::<_, u32>(0));
    assert_eq!(set.unwrap(), 60);
    let mut sink = SqliteSink::start(database).unwrap();
    assert_eq!(sink.write(&batch(0, 10)).await.unwrap(), []);
    let error = sink.write(&batch(10, 1_000)).await.unwrap_err();
    assert!(unavailable(&error).contains("full"), "{error:?}");
    assert_eq!(scratch.rows(), 10);
    assert_eq!(sink.write(&batch(10, 10)).await.unwrap(), []);
    assert_eq!(scratch.rows(), 20);
}

#[tokio::test]
async fn a_file_that_another_process_holds_is_unavailable_until_it_lets_go() {
    let scratch = Scratch::new();
    let database = Database::open(&scratch.path, Tables::default()).unwrap();
    database.connection.busy_timeout(Duration::ZERO).unwrap();
    let mut sink = SqliteSink::start(database).unwrap();
    let other = scratch.other();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = sink.write(&batch(0, 1)).await.unwrap_err();
    assert!(unavailable(&error).contains("locked"), "{error:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(sink.write(&batch(0, 1)).await.unwrap(), []);
    assert_eq!(scratch.rows(), 1);
}

#[tokio::test]
async fn a_schema_that_another_version_changed_meanwhile_is_fatal() {
    let scratch = Scratch::new();
    let mut sink = SqliteSink::open(&scratch.path).unwrap();
    sink.write(&batch(0, 1)).await.unwrap();
    scratch
        .other()
        .pragma_update(None, "user_version", 3)
        .unwrap();
    let error = sink.write(&batch(1, 1)).await.unwrap_err();
    assert!(fatal(&error).contains("another version"), "{error:?}");
    assert_eq!(scratch.rows(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_removed_or_replaced_takes_no_events_that_nobody_would_find() {
    let scratch = Scratch::new();
    let mut sink = SqliteSink::open(&scratch.path).unwrap();
    sink.write(&batch(0, 1)).await.unwrap();
    scratch.remove();
    let error = sink.write(&batch(1, 1)).await.unwrap_err();
    assert!(fatal(&error).contains("removed"), "{error:?}");
    let _new = SqliteSink::open(&scratch.path).unwrap();
    let error = sink.write(&batch(1, 1)).await.unwrap_err();
    assert!(fatal(&error).contains("removed"), "{error:?}");
    assert_eq!(scratch.rows(), 0);
}

#[tokio::test]
async fn a_read_only_connection_is_fatal() {
    let scratch = Scratch::new();
    let database = Database::open(&scratch.path, Tables::default()).unwrap();
    let pragma = database.connection.pragma_update(None, "query_only", true);
    pragma.unwrap();
    let mut sink = SqliteSink::start(database).unwrap();
    let error = sink.write(&batch(0, 1)).await.unwrap_err();
    assert!(fatal(&error).contains("repair"), "{error:?}");
}

#[test]
fn what_is_stored_is_synced_before_it_counts_as_stored() {
    let scratch = Scratch::new();
    let database = Database::open(&scratch.path, Tables::default()).unwrap();
    let pragma = |name| {
        let value = database
            .connection
            .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        value.unwrap()
    };
    assert_eq!(pragma("synchronous"), 2.into(), "FULL");
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
}
