//! What the tests of the parts share, and how errors of Redis are taken.

use std::sync::Arc;

use user_metadata_consumer::{Delivery, Position};
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, Record, UnixMillis, User, UserMetadataEvent,
};

use super::row::Row;

/// An event at an offset of a partition, at a time.
pub(super) fn row(offset: u64, time: u64) -> Row {
    let time = UnixMillis::new(time).unwrap();
    let connection = ConnectionInfo::new(ClientId::from_parts(time, 1));
    let user = User::new("user-1", "John", None).unwrap();
    let id = EventId::from_parts(time, offset.into());
    let event = UserMetadataEvent::new(id, user, Metadata::default(), connection);
    let record = Record {
        key: None,
        value: None,
        headers: Vec::new(),
        timestamp: time,
    };
    let position = Position {
        topic: Arc::from("user-metadata"),
        partition: 0,
        offset,
    };
    Row::new(&Delivery::new(event, record, position))
}

#[test]
fn a_row_gives_back_what_went_in() {
    let row = row(7, 1_000);
    assert_eq!(row.user(), "user-1");
    assert_eq!((row.browser(), row.os(), row.device()), ("", "", ""));
    let fields: Vec<_> = row.fields().collect();
    assert_eq!(fields[1], ("username", "John"));
    assert_eq!(fields.len(), Row::FIELDS.len() - 1);
}
