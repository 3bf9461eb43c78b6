//! What an rskafka error means for the batch and for its connection.

use rskafka::BackoffError;
use rskafka::client::error::{Error as ClientError, ProtocolError};

use super::ProduceError;
use crate::BoxError;

/// Why a batch was not written, and whether the session can be used again.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is broken or leads to the wrong broker: a new session is needed.
    Session(ProduceError),
    /// The broker responded; the session is fine.
    Batch(ProduceError),
}

impl From<ClientError> for Failure {
    /// rskafka is configured never to retry, so every error that the Kafka protocol calls retriable
    /// arrives here, whether or not rskafka considers it retriable. A new session also fixes a
    /// stale leader.
    fn from(error: ClientError) -> Self {
        use ProtocolError as P;
        let ClientError::ServerError { protocol_error, .. } = &error else {
            return Self::Session(ProduceError::Unavailable(cause(error)));
        };
        match protocol_error {
            P::MessageTooLarge | P::RecordListTooLarge => {
                Self::Batch(ProduceError::TooLarge(cause(error)))
            }
            P::InvalidRecord | P::InvalidTimestamp => {
                Self::Batch(ProduceError::Rejected(cause(error)))
            }
            protocol_error if is_refusal(*protocol_error) => {
                Self::Batch(ProduceError::Refused(cause(error)))
            }
            P::NotEnoughReplicas | P::NotEnoughReplicasAfterAppend | P::ThrottlingQuotaExceeded => {
                Self::Batch(ProduceError::Unavailable(cause(error)))
            }
            _ => Self::Session(ProduceError::Unavailable(cause(error))),
        }
    }
}

/// Whether the topic can't be created until somebody changes the configuration or the cluster.
pub(super) fn is_topic_refusal(error: &ClientError) -> bool {
    let ClientError::ServerError {
        protocol_error,
        error_message,
        ..
    } = error
    else {
        return false;
    };
    // While a cluster is starting up it has no brokers yet ("All brokers are currently fenced") and
    // responds like one that has too few.
    let is_starting = *protocol_error == ProtocolError::InvalidReplicationFactor
        && error_message
            .as_ref()
            .is_some_and(|message| message.contains("fenced"));
    is_refusal(*protocol_error) && !is_starting
}

/// Whether a broker's response stays the same until somebody changes the configuration or the
/// cluster.
fn is_refusal(error: ProtocolError) -> bool {
    use ProtocolError as P;
    matches!(
        error,
        P::TopicAuthorizationFailed
            | P::ClusterAuthorizationFailed
            | P::SaslAuthenticationFailed
            | P::UnsupportedSaslMechanism
            | P::IllegalSaslState
            | P::UnsupportedVersion
            | P::UnsupportedForMessageFormat
            | P::UnsupportedCompressionType
            | P::InvalidTopicException
            | P::InvalidPartitions
            | P::InvalidReplicationFactor
            | P::InvalidReplicaAssignment
            | P::InvalidConfig
            | P::InvalidRequest
            | P::InvalidRequiredAcks
            | P::PolicyViolation
    )
}

/// The useful part of an rskafka error, without the layers about retries, which are turned off.
pub(super) fn cause(error: ClientError) -> BoxError {
    match error {
        ClientError::RetryFailed(BackoffError::DeadlineExceded { source, .. }) => {
            match source.downcast::<ClientError>() {
                Ok(inner) => cause(*inner),
                Err(other) => other,
            }
        }
        ClientError::ServerError {
            protocol_error,
            error_message,
            ..
        } => match error_message {
            Some(message) => format!("{protocol_error}: {message}").into(),
            None => protocol_error.to_string().into(),
        },
        ClientError::Connection(rskafka::ConnectionError::RetryFailed(
            BackoffError::DeadlineExceded { source, .. },
        )) => source,
        ClientError::Connection(inner) => inner.into(),
        ClientError::Request(inner) => inner.into(),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use rskafka::client::error::RequestContext;

    use super::*;

    fn answer(protocol_error: ProtocolError, message: Option<&str>) -> ClientError {
        ClientError::ServerError {
            protocol_error,
            error_message: message.map(str::to_owned),
            request: RequestContext::Partition("user-metadata".to_owned(), 0),
            response: None,
            is_virtual: false,
        }
    }

    fn failure(protocol_error: ProtocolError) -> Failure {
        Failure::from(answer(protocol_error, None))
    }

    #[test]
    fn what_the_protocol_calls_retriable_is_retriable() {
        use ProtocolError as P;
        for error in [
            P::CorruptMessage,
            P::UnknownTopicOrPartition,
            P::LeaderNotAvailable,
            P::NotLeaderOrFollower,
            P::RequestTimedOut,
            P::NetworkException,
            P::NotEnoughReplicas,
            P::NotEnoughReplicasAfterAppend,
            P::KafkaStorageError,
            P::ThrottlingQuotaExceeded,
            P::UnknownTopicId,
            P::Unknown(1234),
        ] {
            let (Failure::Session(failed) | Failure::Batch(failed)) = failure(error);
            assert!(matches!(failed, ProduceError::Unavailable(_)), "{error:?}");
            assert!(failed.is_retriable());
        }
    }

    #[test]
    fn a_moved_leader_needs_a_new_session_and_a_missing_replica_does_not() {
        let moved = failure(ProtocolError::NotLeaderOrFollower);
        assert!(matches!(moved, Failure::Session(_)));
        let missing = failure(ProtocolError::NotEnoughReplicas);
        assert!(matches!(missing, Failure::Batch(_)));
    }

    #[test]
    fn errors_of_the_batch_are_distinguished_from_errors_of_the_cluster() {
        use ProtocolError as P;
        let large = failure(P::MessageTooLarge);
        assert!(matches!(large, Failure::Batch(ProduceError::TooLarge(_))));
        for error in [P::InvalidRecord, P::InvalidTimestamp] {
            let rejected = failure(error);
            assert!(matches!(
                rejected,
                Failure::Batch(ProduceError::Rejected(_))
            ));
        }
        for error in [P::TopicAuthorizationFailed, P::UnsupportedCompressionType] {
            let refused = failure(error);
            assert!(matches!(refused, Failure::Batch(ProduceError::Refused(_))));
        }
    }

    #[test]
    fn a_cluster_with_too_few_brokers_is_distinguished_from_one_that_is_starting_up() {
        let refused = |message| {
            is_topic_refusal(&answer(
                ProtocolError::InvalidReplicationFactor,
                Some(message),
            ))
        };
        assert!(refused(
            "Unable to replicate the partition 3 time(s): The target replication factor of 3 \
             cannot be reached because only 1 broker(s) are registered."
        ));
        assert!(!refused(
            "Unable to replicate the partition 1 time(s): All brokers are currently fenced."
        ));
    }

    #[test]
    fn an_invalid_response_needs_a_new_session() {
        let odd = ClientError::InvalidResponse("no metadata for partition 7".to_owned());
        assert!(matches!(
            Failure::from(odd),
            Failure::Session(ProduceError::Unavailable(_))
        ));
    }

    #[test]
    fn a_cause_says_what_happened_without_the_retries() {
        let source = ClientError::InvalidResponse("odd".to_owned());
        let retried = ClientError::RetryFailed(BackoffError::DeadlineExceded {
            deadline: std::time::Duration::ZERO,
            source: Box::new(source),
        });
        assert_eq!(cause(retried).to_string(), "Invalid response: odd");
    }
}
