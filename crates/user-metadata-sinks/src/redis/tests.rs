//! Which parts of an event a row keeps.

use std::sync::Arc;

use user_metadata_consumer::{Delivery, Position};
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, Record, UnixMillis, User, UserMetadataEvent,
};

use super::row::Row;

#[test]
fn a_row_gives_back_what_went_in() {
    let time = UnixMillis::new(1_000).unwrap();
    let connection = ConnectionInfo::new(ClientId::from_parts(time, 1));
    let user = User::new("user-1", "John", None).unwrap();
    let id = EventId::from_parts(time, 7);
    let mut metadata = Metadata::default();
    metadata.browser = Some("Chrome 120.0".to_owned());
    metadata.os = Some("Windows 10".to_owned());
    metadata.device = Some("Desktop".to_owned());
    let event = UserMetadataEvent::new(id, user, metadata, connection);
    let session = event.session_id.clone();
    let record = Record {
        key: None,
        value: None,
        headers: Vec::new(),
        timestamp: time,
    };
    let position = Position {
        topic: Arc::from("user-metadata"),
        partition: 0,
        offset: 7,
    };
    let row = Row::new(&Delivery::new(event, record, position));
    assert_eq!(row.user(), "user-1");
    let of_agent = (row.browser(), row.os(), row.device());
    assert_eq!(of_agent, ("Chrome 120.0", "Windows 10", "Desktop"));
    let expected = [
        ("event", &*id.to_string()),
        ("username", "John"),
        ("session", &session),
        ("browser", "Chrome 120.0"),
        ("os", "Windows 10"),
        ("device", "Desktop"),
        ("language", ""),
        ("ip", ""),
    ];
    assert_eq!(row.fields().collect::<Vec<_>>(), expected);
}
