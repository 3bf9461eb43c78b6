//! A join is answered with what the server understood, and becomes one event.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{Client, JOIN, TestServer, handshake, in_time};
use user_metadata_events::UserMetadataEvent;
use user_metadata_log::{DataDir, LogReader};

const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0\r\n\
    Accept-Language: fr-CH\r\nTraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n";

#[tokio::test]
async fn a_join_becomes_one_event() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client.request(&handshake(FIREFOX)).await;
    let join = json!({
        "type": "join", "new": true,
        "user": { "id": "üser-123", "username": "Jöhn 👩‍👩‍👧", "sessionId": "session-9" },
        "screen": { "width": 2560, "height": 1440, "pixelRatio": 1.5 },
        "timezone": "Europe/Zurich",
    });
    client.say(&join.to_string()).await;
    let joined = client.hear().await;
    assert_eq!(joined["type"], "joined");
    assert_eq!(joined["sessionId"], "session-9");
    assert_eq!(joined["metadata"]["browser"], "Firefox 144.0");
    assert_eq!(joined["metadata"]["language"], "fr-CH");
    assert_eq!(joined["metadata"]["ip"], "127.0.0.1");
    assert_eq!(joined["metadata"]["screen"], join["screen"]);
    assert_eq!(joined["metadata"]["timezone"], "Europe/Zurich");

    let dir = DataDir::new(server.dir.path());
    drop(client);
    server.stop.cancel();
    in_time(server.serving).await.unwrap();
    let accounting = in_time(server.publishing.run()).await;
    assert_eq!((accounting.accepted, accounting.published), (1, 1));

    let mut log = LogReader::open(dir.topic_path()).unwrap();
    let records = (0..3).flat_map(|partition| log.read(partition, 0, 9, 1 << 20).unwrap());
    let [stored] = records.collect::<Vec<_>>().try_into().unwrap();
    let event = UserMetadataEvent::decode(stored.record.value.as_deref()).unwrap();
    assert_eq!(stored.record.key.as_deref(), Some("üser-123".as_bytes()));
    assert_eq!(json!(event.id), joined["eventId"]);
    assert_eq!(json!(event.connection_info.client_id), joined["clientId"]);
    assert_eq!(json!(event.metadata), joined["metadata"]);
    assert!(event.timestamp >= event.connection_info.connection_time);
    let traceparent = stored
        .record
        .headers
        .iter()
        .find(|(name, _)| name == "traceparent")
        .unwrap();
    assert_eq!(
        traceparent.1,
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    );
}

#[tokio::test]
async fn without_a_session_the_connection_is_the_session() {
    let server = TestServer::start().await;
    let mut client = server.open().await;
    client.say(JOIN).await;
    let joined = client.hear().await;
    assert_eq!(joined["sessionId"], joined["clientId"]);
}

#[tokio::test]
async fn joins_are_answered_while_nothing_is_delivered_and_after_the_publisher_has_ended() {
    let server = TestServer::start().await;
    for _ in 0..50 {
        server.join().await;
    }
    drop(server.publishing);
    let mut client = Client(
        tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap(),
    );
    client.request(&handshake("")).await;
    client.say(JOIN).await;
    assert_eq!(client.hear().await["type"], "joined");
}

/// Each message is answered with an error of that code and field, and then the client can join.
async fn mistakes(messages: impl IntoIterator<Item = (String, &str, Option<&str>)>) {
    let server = TestServer::start().await;
    let mut client = server.open().await;
    for (message, code, field) in messages {
        client.say(&message).await;
        let error = client.hear().await;
        let short: String = message.chars().take(100).collect();
        let found = (
            error["type"].as_str(),
            error["code"].as_str(),
            error["field"].as_str(),
        );
        assert_eq!(found, (Some("error"), Some(code), field), "{short} {error}");
        let explanation = error["message"].as_str().unwrap();
        assert!(!explanation.contains("xxx"), "a value is echoed: {error}");
        client.is_open().await;
    }
    client.say(JOIN).await;
    assert_eq!(client.hear().await["type"], "joined");
}

#[tokio::test]
async fn what_is_not_a_message_is_explained() {
    let messages = [
        ("nonsense".to_owned(), "invalid_json", None),
        (String::new(), "invalid_json", None),
        ("[]".to_owned(), "invalid_json", None),
        ("[".repeat(16_000), "invalid_json", None),
        (
            JOIN.replace("{\"id", &"[".repeat(9_000)),
            "invalid_json",
            None,
        ),
        (JOIN.replace("John", r"\ud800"), "invalid_json", None),
        (JOIN.replace("\"John\"", "1e400"), "invalid_json", None),
        ("{}".to_owned(), "unknown_type", Some("type")),
        (JOIN.replace("join", "leave"), "unknown_type", Some("type")),
        (JOIN.replace("\"join\"", "5"), "unknown_type", Some("type")),
    ];
    mistakes(messages).await;
}

#[tokio::test]
async fn what_is_not_a_user_is_explained() {
    let long = &"x".repeat(257);
    let messages = [
        ("user-123", "", "user.id"),
        ("user-123", long, "user.id"),
        ("user-123", r"\u001b[31m", "user.id"),
        ("\"user-123\"", "17", "user.id"),
        ("\"user-123\"", "null", "user.id"),
        ("John", "", "user.username"),
        ("John", long, "user.username"),
        ("John", r"a\u0000b", "user.username"),
        ("John", r"a\r\nb", "user.username"),
        ("John", "\u{202e}nhoJ", "user.username"),
        ("\"John\"", r#""J","sessionId":"""#, "user.sessionId"),
        ("\"John\"", r#""J","username":"K""#, "user"),
        (r#"{"id":"user-123","username":"John"}"#, "\"John\"", "user"),
        (r#","user":{"id":"user-123","username":"John"}"#, "", "user"),
    ];
    mistakes(
        messages.map(|(old, new, field)| (JOIN.replace(old, new), "invalid_join", Some(field))),
    )
    .await;
}

#[tokio::test]
async fn what_a_page_cannot_say_of_itself_is_explained() {
    let long = "x".repeat(257);
    let claims = [
        (
            r#""screen":{"width":-1,"height":1}"#.to_owned(),
            "screen.width",
        ),
        (
            r#""screen":{"width":1,"height":1,"pixelRatio":-1}"#.to_owned(),
            "screen.pixelRatio",
        ),
        (r#""screen":"large""#.to_owned(), "screen"),
        (r#""timezone":"a b""#.to_owned(), "timezone"),
        (format!(r#""timezone":"{long}""#), "timezone"),
        (r#""hints":7"#.to_owned(), "hints"),
        (format!(r#""hints":{{"model":"{long}"}}"#), "hints.model"),
    ];
    let join = |claims: &str| JOIN.replacen('{', &format!("{{{claims},"), 1);
    mistakes(
        claims
            .iter()
            .map(|(claims, field)| (join(claims), "invalid_join", Some(*field))),
    )
    .await;
}

#[tokio::test]
async fn a_client_that_has_joined_cannot_join_again() {
    let server = TestServer::start().await;
    let mut client = server.join().await;
    for _ in 0..2 {
        client.say(JOIN).await;
        assert_eq!(client.hear().await["code"], "already_joined");
        client.is_open().await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_join_in_time_gets_an_error_and_is_closed() {
    let server =
        TestServer::with(|options| options.join_timeout = Duration::from_millis(200)).await;
    let mut joined = server.join().await;
    let mut client = server.open().await;
    client.is_open().await;
    assert_eq!(client.hear().await["code"], "join_timeout");
    assert_eq!(client.hear_close().await, 1008);
    joined.is_open().await;
}
