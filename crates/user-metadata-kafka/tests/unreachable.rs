//! Without Kafka: nothing listens, or something that never responds.
#![cfg(any(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)] // helpers

use std::time::Duration;

use tokio::net::TcpListener;
use user_metadata_kafka::KafkaOptions;

const LIMIT: Duration = Duration::from_millis(300);
/// Too long even on the slowest machine, and shorter than any default.
const TOO_LONG: Duration = Duration::from_secs(8);

/// An address at which nothing listens.
async fn closed() -> KafkaOptions {
    let (_, options) = silent().await;
    options
}

/// A listener that accepts connections and never responds, like a frozen broker.
async fn silent() -> (TcpListener, KafkaOptions) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let options = KafkaOptions::new([address]).unwrap();
    (listener, options.with_connect_timeout(LIMIT))
}

#[cfg(feature = "produce")]
mod produce {
    use std::num::{NonZeroU16, NonZeroU32};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use user_metadata_kafka::{ConnectError, Producer, TopicSpec, ensure_topic};

    use user_metadata_testing::most_memory;

    use super::*;

    fn topic() -> TopicSpec {
        TopicSpec::new("user-metadata", NonZeroU32::MIN, NonZeroU16::MIN).unwrap()
    }

    #[tokio::test]
    async fn a_producer_fails_at_once_where_nothing_listens() {
        let error = Producer::connect(&closed().await, &topic())
            .await
            .unwrap_err();
        assert!(matches!(error, ConnectError::Unavailable(_)), "{error:?}");
        assert!(error.is_retriable());
    }

    #[tokio::test]
    async fn a_producer_does_not_allocate_what_a_web_server_seems_to_announce() {
        let (listener, options) = silent().await;
        let (before, topic) = (most_memory(), topic());
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
            stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
            // By the time the client hangs up, it has allocated all that it will.
            drop(stream.read_to_end(&mut Vec::new()).await);
        };
        let (connected, ()) = tokio::join!(Producer::connect(&options, &topic), answer);
        let error = connected.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout(LIMIT)), "{error:?}");
        if let (Some(before), Some(after)) = (before, most_memory()) {
            assert!(after < before + (40 << 20), "{before} B became {after} B");
        }
    }

    #[tokio::test]
    async fn a_producer_waits_no_longer_than_the_connect_timeout() {
        let (_listener, options) = silent().await;
        let topic = topic();
        let ensure = tokio::time::timeout(TOO_LONG, ensure_topic(&options, &topic));
        let error = ensure.await.unwrap().unwrap_err();
        assert!(matches!(error, ConnectError::Timeout(LIMIT)), "{error:?}");
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
    async fn a_consumer_fails_at_once_where_nothing_listens() {
        let error = GroupConsumer::join(&closed().await, group())
            .await
            .unwrap_err();
        assert!(matches!(error, ConsumeError::Unavailable(_)), "{error:?}");
        assert!(error.is_retriable());
    }

    #[tokio::test]
    async fn a_consumer_waits_no_longer_than_the_connect_timeout() {
        let (_listener, options) = silent().await;
        let join = tokio::time::timeout(TOO_LONG, GroupConsumer::join(&options, group()));
        let error = join.await.unwrap().unwrap_err();
        assert!(matches!(error, ConsumeError::Timeout(LIMIT)), "{error:?}");
    }
}
