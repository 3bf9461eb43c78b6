//! No Kafka at all: nothing there, or something that never answers.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use user_metadata_kafka::KafkaOptions;

const LIMIT: Duration = Duration::from_millis(300);

/// An address at which nobody listens.
async fn closed() -> KafkaOptions {
    let (_, options) = silent().await;
    options
}

/// A listener that takes connections and never says a word, like a frozen broker.
async fn silent() -> (TcpListener, KafkaOptions) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let options = KafkaOptions::new([address]).unwrap();
    (listener, options.with_connect_timeout(LIMIT))
}

#[cfg(feature = "produce")]
mod produce {
    use std::num::{NonZeroU16, NonZeroU32};

    use user_metadata_kafka::{ConnectError, Producer, TopicSpec, ensure_topic};

    use super::*;

    fn topic() -> TopicSpec {
        TopicSpec::new("user-metadata", NonZeroU32::MIN, NonZeroU16::MIN).unwrap()
    }

    #[tokio::test]
    async fn a_producer_says_at_once_that_nobody_is_there() {
        let error = Producer::connect(&closed().await, &topic())
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Unavailable(_)), "{error:?}");
        assert!(error.is_retriable());
    }

    #[tokio::test]
    async fn a_producer_waits_no_longer_than_the_connect_timeout() {
        let (_listener, options) = silent().await;
        let started = Instant::now();
        let error = ensure_topic(&options, &topic()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout(LIMIT)), "{error:?}");
        assert!(started.elapsed() < LIMIT * 3);
    }
}

#[cfg(feature = "consume")]
mod consume {
    use user_metadata_kafka::{ConsumeError, GroupConsumer, GroupOptions};

    use super::*;

    fn group() -> GroupOptions {
        GroupOptions::new("user-metadata", "group").unwrap()
    }

    #[tokio::test]
    async fn a_consumer_says_at_once_that_nobody_is_there() {
        let error = GroupConsumer::join(&closed().await, group())
            .await
            .unwrap_err();
        assert!(matches!(error, ConsumeError::Unavailable(_)), "{error:?}");
        assert!(error.is_retriable());
    }

    #[tokio::test]
    async fn a_consumer_waits_no_longer_than_the_connect_timeout() {
        let (_listener, options) = silent().await;
        let started = Instant::now();
        let error = GroupConsumer::join(&options, group()).await.unwrap_err();
        assert!(matches!(error, ConsumeError::Timeout(LIMIT)), "{error:?}");
        assert!(started.elapsed() < LIMIT * 3);
    }
}
