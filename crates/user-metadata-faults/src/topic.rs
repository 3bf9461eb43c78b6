use std::collections::BTreeSet;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use user_metadata_testing::process::MetadataConsumer;
use user_metadata_testing::{Missing, Scratch, kafka, until};

use crate::stage::LIMIT;

/// An event in the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) partition: u64,
    pub(crate) id: String,
    pub(crate) user_id: String,
    /// How often the user had joined before.
    pub(crate) number: u32,
}

/// All records of a topic, as kcat reads them; those of a partition in order.
pub(crate) fn records(brokers: &str, topic: &str) -> Result<Vec<Record>, Missing> {
    let records = kafka::records(brokers, topic)?;
    Ok(records.iter().map(|record| read(record)).collect())
}

/// A record that is not an event gets neither id nor user, which the judge finds.
fn read(record: &str) -> Record {
    let record: Value = serde_json::from_str(record).unwrap_or_default();
    let payload = record["payload"].as_str().unwrap_or_default();
    let event: Value = serde_json::from_str(payload).unwrap_or_default();
    let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
    let name = text("username");
    Record {
        partition: record["partition"].as_u64().unwrap_or_default(),
        id: text("id"),
        user_id: text("userId"),
        number: name
            .split(' ')
            .next()
            .unwrap_or_default()
            .parse()
            .unwrap_or(u32::MAX),
    }
}

/// The ids of all rows that metadata-consumer stores from a topic with this many events; waits for
/// as many rows, and until nothing is left to read.
pub(crate) fn stored(brokers: &str, topic: &str, events: usize) -> Vec<String> {
    let scratch = Scratch::new("stored");
    let path = scratch.file("users.sqlite");
    let sink = format!("sqlite:{path}");
    let flags = ["--brokers", brokers, "--topic", topic, "--group", topic];
    let consumer = MetadataConsumer::start(&[&flags[..], &["--sink", &sink]].concat());
    until("a consumer that has read all", LIMIT, || {
        let status: Value = serde_json::from_str(&consumer.get("/status").body).ok()?;
        let has_read_all = status["sinks"][0]["lagRecords"] == 0;
        (has_read_all && ids(&path).len() >= events).then_some(())
    });
    drop(consumer.running.stop());
    ids(&path)
}

/// `None` if there is no database yet.
fn ids(path: &str) -> Vec<String> {
    let read = || {
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut ids = database.prepare("SELECT id FROM events")?;
        let ids = ids.query_map([], |row| row.get(0))?;
        ids.collect::<rusqlite::Result<Vec<String>>>()
    };
    read().unwrap_or_default()
}

/// The distinct ids of the records.
pub(crate) fn distinct(records: &[Record]) -> BTreeSet<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_out_of_kcats_json() {
        let record = r#"{"topic":"t","partition":2,"offset":0,"key":"user-7",
            "payload":"{\"id\":\"01\",\"userId\":\"user-7\",\"username\":\"12 🦀\"}"}"#;
        let (id, user_id) = ("01".to_owned(), "user-7".to_owned());
        let expected = Record {
            partition: 2,
            id,
            user_id,
            number: 12,
        };
        assert_eq!(read(record), expected);
        assert_eq!(read("nonsense").id, "");
    }
}
