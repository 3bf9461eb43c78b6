//! What is written is what is read, for any event.
#![allow(
    clippy::unwrap_used,
    reason = "a strategy that can't build its value is a broken test"
)]

use proptest::prelude::*;
use user_metadata_events::{
    Agent, AgentDevice, AgentOs, Bot, ClientId, ClientIp, ClientKind, ConnectionInfo, DecodeError,
    EventId, IpSource, MAX_EVENT_BYTES, Metadata, NameVersion, Screen, UnixMillis, User,
    UserMetadataEvent,
};

fn time() -> impl Strategy<Value = UnixMillis> {
    (0..=UnixMillis::MAX.as_u64()).prop_map(|millis| UnixMillis::new(millis).unwrap())
}

/// Any text without the characters that identity fields refuse.
fn identity(max: usize) -> impl Strategy<Value = String> {
    let pattern = format!("[^\\p{{Cc}}\\u{{2028}}-\\u{{202e}}\\u{{2066}}-\\u{{2069}}]{{1,{max}}}");
    proptest::string::string_regex(&pattern).unwrap()
}

fn ip() -> impl Strategy<Value = ClientIp> {
    prop_oneof![
        any::<std::net::IpAddr>().prop_map(ClientIp::from),
        "[0-9a-f]{32}".prop_map(ClientIp::Pseudonym),
    ]
}

fn agent() -> impl Strategy<Value = Agent> {
    let name = any::<(String, Option<String>)>();
    let kind = prop_oneof![
        Just(ClientKind::App),
        "x[a-z]{3}".prop_map(ClientKind::Other)
    ];
    (name, any::<bool>(), kind).prop_map(|((name, version), version_frozen, kind)| {
        let mut agent = Agent::default();
        let newer = serde_json::json!("of a newer version");
        let mut browser = NameVersion::new(name.clone(), version.clone());
        browser.extra.insert("xPart".to_owned(), newer.clone());
        agent.browser = Some(browser);
        let mut os = AgentOs::new(name.clone(), version);
        os.version_frozen = version_frozen;
        os.extra.insert("xPart".to_owned(), newer.clone());
        agent.os = Some(os);
        let mut device = AgentDevice::default();
        device.extra.insert("xPart".to_owned(), newer.clone());
        agent.device = Some(device);
        let mut bot = Bot::new(name);
        bot.extra.insert("xPart".to_owned(), newer);
        agent.bot = Some(bot);
        agent.client = Some(kind);
        agent
    })
}

prop_compose! {
    fn metadata()(
        ip in proptest::option::of(ip()),
        texts in any::<[Option<String>; 6]>(),
        agent in proptest::option::of(agent()),
        screen in proptest::option::of((any::<u32>(), any::<u32>(), proptest::option::of(0.1..9.0))),
        claimed_hints in any::<bool>(),
        extra in "x[a-z]{4}",
    ) -> Metadata {
        let mut metadata = Metadata::default();
        metadata.ip = ip;
        [
            metadata.user_agent, metadata.browser, metadata.os,
            metadata.device, metadata.language, metadata.timezone,
        ] = texts;
        metadata.agent = agent;
        metadata.screen = screen.map(|(width, height, pixel_ratio)| {
            let mut screen = Screen::new(width, height);
            screen.pixel_ratio = pixel_ratio;
            screen.extra.insert(extra.clone(), serde_json::json!(true));
            screen
        });
        metadata.claimed_hints = claimed_hints;
        metadata.extra.insert(extra, serde_json::json!([{"of": "a newer version"}]));
        metadata
    }
}

prop_compose! {
    fn event()(
        times in (time(), time()),
        random in any::<(u128, u128)>(),
        (id, name) in (identity(User::MAX_ID), identity(User::MAX_USERNAME)),
        session in proptest::option::of(identity(User::MAX_SESSION_ID)),
        metadata in metadata(),
        source in prop_oneof![Just(IpSource::Peer), "y[a-z]{3}".prop_map(IpSource::Other)],
        verified in any::<bool>(),
    ) -> UserMetadataEvent {
        let mut connection = ConnectionInfo::new(ClientId::from_parts(times.0, random.0));
        connection.ip_address = metadata.ip.clone();
        connection.ip_source = Some(source);
        let user = User::new(id, name, session).unwrap();
        let id = EventId::from_parts(times.1, random.1);
        let mut event = UserMetadataEvent::new(id, user, metadata, connection);
        event.verified = verified;
        event
    }
}

proptest! {
    #[test]
    fn an_event_survives_its_json(event in event()) {
        let value = event.encode().unwrap();
        prop_assert!(!String::from_utf8_lossy(&value).contains(":null"));
        prop_assert_eq!(UserMetadataEvent::decode(Some(&value)).unwrap(), event);
    }

    #[test]
    fn a_torn_or_flipped_value_is_an_error_or_another_event_but_never_a_panic(
        event in event(), position in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let mut value = event.encode().unwrap();
        let position = position.index(value.len());
        prop_assert!(UserMetadataEvent::decode(Some(&value[..position])).is_err());
        value[position] ^= 1_u8 << bit;
        if let Err(error) = UserMetadataEvent::decode(Some(&value)) {
            let quotes_the_record = event.username.chars().count() > 8
                && error.to_string().contains(&event.username);
            prop_assert!(!quotes_the_record, "{}", error);
        }
    }
}

#[test]
fn a_value_of_any_size_is_answered_by_its_size() {
    let huge = vec![b' '; MAX_EVENT_BYTES + 1];
    let too_large = DecodeError::TooLarge { bytes: huge.len() };
    assert_eq!(UserMetadataEvent::decode(Some(&huge)), Err(too_large));
}
