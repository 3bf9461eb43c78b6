use user_metadata_events::{UnixMillis, UserMetadataEvent};

use super::*;

const FULL: &[u8] = include_bytes!("../../../../fixtures/events/full.json");

fn ga4(ip: IpPrivacy) -> Ga4 {
    let validation = Endpoint::new("https://example.com/debug").unwrap();
    Ga4 { validation, ip }
}

#[test]
fn a_request_is_what_the_vendors_page_asks_for() {
    let event = UserMetadataEvent::decode(Some(FULL)).unwrap();
    for ip in [IpPrivacy::Full, IpPrivacy::Truncate] {
        let body = ga4(ip).encode(&event, event.timestamp).unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        insta::assert_json_snapshot!(format!("ga4-{ip:?}"), body);
    }
}

#[test]
fn text_is_as_long_as_the_vendor_takes_it() {
    let mut event = UserMetadataEvent::decode(Some(FULL)).unwrap();
    let long = Some("🦀".repeat(500));
    for field in [
        &mut event.metadata.browser,
        &mut event.metadata.os,
        &mut event.metadata.device,
        &mut event.metadata.language,
        &mut event.metadata.timezone,
    ] {
        field.clone_from(&long);
    }
    let body = ga4(IpPrivacy::None)
        .encode(&event, event.timestamp)
        .unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let params = body["events"][0]["params"].as_object().unwrap();
    assert!(params.len() <= 25);
    for (name, value) in params {
        let length = value.as_str().map_or(0, |text| text.chars().count());
        assert!(name.len() <= 40 && length <= 100, "{name}");
    }
    for (name, property) in body["user_properties"].as_object().unwrap() {
        let length = property["value"].as_str().unwrap().chars().count();
        assert!(name.len() <= 24 && length <= 36, "{name}");
    }
}

#[test]
fn seventy_two_hours_are_the_limit() {
    let event = UserMetadataEvent::decode(Some(FULL)).unwrap();
    let at = |hours: u64, ms: u64| {
        let now = event.timestamp.as_u64() + hours * 3_600_000 + ms;
        ga4(IpPrivacy::Full).encode(&event, UnixMillis::new(now).unwrap())
    };
    assert!(at(72, 0).is_ok());
    assert!(at(72, 1).is_err());
}
