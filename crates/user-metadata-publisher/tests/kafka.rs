//! Publishing to a Kafka that is away.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::TcpListener;
use std::num::NonZero;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, TOPIC, UnixMillis, User, UserMetadataEvent,
};
use user_metadata_kafka::{KafkaOptions, TopicSpec};
use user_metadata_publisher::{KafkaTarget, PublisherOptions, PublisherStatus, kafka};

fn event() -> UserMetadataEvent {
    let at = UnixMillis::new(1_763_856_000_000).unwrap();
    let user = User::new("user-123", "John", None).unwrap();
    let connection = ConnectionInfo::new(ClientId::new(at));
    UserMetadataEvent::new(EventId::new(at), user, Metadata::default(), connection)
}

fn target(broker: &str) -> KafkaTarget {
    let timeout = Duration::from_millis(300);
    let options = KafkaOptions::new([broker]).unwrap();
    let options = options
        .with_connect_timeout(timeout)
        .with_request_timeout(timeout);
    let topic = TopicSpec::new(TOPIC, NonZero::new(3).unwrap(), NonZero::<u16>::MIN).unwrap();
    KafkaTarget::with_topic(options, topic)
}

/// Publishes one event and returns reason and detail of the status.
async fn reason_at(broker: &str) -> (String, String) {
    let (publisher, task) = kafka(target(broker), PublisherOptions::default());
    let task = tokio::spawn(timeout(Duration::from_secs(2), task.run()));
    publisher.publish(event(), None).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let reason = loop {
        match publisher.status() {
            PublisherStatus::Degraded { reason, detail, .. } => break (reason, detail),
            _ => assert!(Instant::now() < deadline),
        }
        sleep(Duration::from_millis(1)).await;
    };
    task.await.unwrap().unwrap_err();
    let accounting = publisher.accounting();
    assert_eq!((accounting.accepted, accounting.pending), (1, 1));
    reason
}

#[tokio::test]
async fn while_kafka_is_away_events_wait_and_the_status_has_the_reason() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (reason, detail) = reason_at(&address.to_string()).await;
    assert_eq!(
        reason, "Kafka is unavailable",
        "it must not name the broker"
    );
    assert!(detail.starts_with("Kafka is unavailable: "), "{detail}");
    assert!(detail.contains(&address.to_string()), "{detail}");
}

#[tokio::test]
async fn a_kafka_that_never_answers_is_given_up_in_time() {
    // It listens, so connections are accepted, but nothing reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (reason, _) = reason_at(&silent.local_addr().unwrap().to_string()).await;
    assert_eq!(reason, "Kafka does not answer within 0.3 s");
}
