//! Shared by the tests.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(missing_docs, clippy::unwrap_used, reason = "helpers of tests")]

#[cfg(feature = "mongodb")]
pub(crate) mod mongodb;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "webhook")]
pub(crate) mod posting;
pub(crate) mod row;
#[cfg(feature = "webhook")]
pub(crate) mod vendor;

use std::path::PathBuf;
use std::sync::Arc;

use user_metadata_consumer::{Delivery, Position};
use user_metadata_events::{EventId, Record, UserMetadataEvent};

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

/// Every event in `fixtures/events`, by name.
pub(crate) fn good_fixtures() -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(fixtures()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter(|name| name.ends_with(".json") && !name.starts_with("bad-"))
        .collect();
    names.sort();
    assert!(names.len() >= 6, "{names:?}");
    let read = |name: String| {
        let value = fixture(&name);
        (name, value)
    };
    names.into_iter().map(read).collect()
}

fn fixtures() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/events").into()
}

/// A record of this value, as a sink gets it.
pub(crate) fn delivery(value: &[u8]) -> Delivery {
    let event = UserMetadataEvent::decode(Some(value)).unwrap();
    let record = Record {
        key: Some(event.user_id.clone().into_bytes().into()),
        value: Some(value.to_vec().into()),
        headers: Vec::new(),
        timestamp: event.timestamp,
    };
    let position = Position {
        topic: Arc::from("user-metadata"),
        partition: 0,
        offset: 17,
    };
    Delivery::new(event, record, position)
}

/// The event of `full.json` under another id, with `change` made to it.
pub(crate) fn event(id: u32, change: impl FnOnce(&mut UserMetadataEvent)) -> Delivery {
    let mut event = UserMetadataEvent::decode(Some(&fixture("full.json"))).unwrap();
    event.id = EventId::from_parts(event.timestamp, id.into());
    change(&mut event);
    delivery(&event.encode().unwrap())
}

/// An error and its causes, one a line.
pub(crate) fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|cause| format!("{cause}\n")).collect()
}
