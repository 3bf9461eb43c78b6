//! Every file in `fixtures/events` decodes to the snapshot beside it, or to the error in it.
#![allow(
    clippy::unwrap_used,
    reason = "a test that can't read its fixture has failed"
)]

use user_metadata_events::UserMetadataEvent;

#[test]
fn fixtures_decode_or_say_what_is_wrong() {
    insta::glob!("../../../fixtures/events", "*.json", |path| {
        let value = std::fs::read(path).unwrap();
        let is_bad = path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("bad-");
        match UserMetadataEvent::decode(Some(&value)) {
            Ok(event) => {
                assert!(!is_bad, "{} decoded", path.display());
                insta::assert_json_snapshot!(event);
                let again = UserMetadataEvent::decode(Some(&event.encode().unwrap())).unwrap();
                assert_eq!(again, event);
            }
            Err(error) => {
                assert!(is_bad, "{}: {error}", path.display());
                insta::assert_snapshot!(error);
            }
        }
    });
}

#[test]
fn the_record_of_an_event_has_the_headers_of_cloud_events() {
    let value = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/events/full.json"
    ));
    let event = UserMetadataEvent::decode(Some(&value.unwrap())).unwrap();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let record = event.to_record("/ws-server/host-1", Some(trace)).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers: Vec<_> = record
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", text(value)))
        .collect();
    assert_eq!(text(record.key.as_ref().unwrap()), "user-123");
    assert_eq!(record.timestamp, event.timestamp);
    insta::assert_snapshot!(headers.join("\n"));
}

#[test]
fn what_is_not_utf_8_is_refused_at_its_place() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/events/minimal.json"
    );
    let mut value = std::fs::read(path).unwrap();
    let quote = value.iter().rposition(|byte| *byte == b'"').unwrap();
    value[quote - 1] = 0xff;
    let error = UserMetadataEvent::decode(Some(&value)).unwrap_err();
    insta::assert_snapshot!(error, @"value is not an event: invalid JSON (line 8, column 79)");
}
