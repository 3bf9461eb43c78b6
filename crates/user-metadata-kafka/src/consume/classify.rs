//! What a krafka error means for the member.

use std::time::Duration;

use krafka::error::{ErrorCode, KrafkaError, ProtocolErrorKind};

use super::ConsumeError;

/// Maps a krafka error to ours. Only an error that persists until somebody changes the
/// configuration or the cluster is a refusal; for anything else, waiting loses nothing.
pub(super) fn classify(error: KrafkaError) -> ConsumeError {
    if matches!(error, KrafkaError::Closed { .. }) {
        ConsumeError::Ended
    } else if is_code(&error, ErrorCode::FencedInstanceId) {
        ConsumeError::Refused(Box::new(Fenced))
    } else if is_code(&error, ErrorCode::UnreleasedInstanceId)
        || matches!(error, KrafkaError::Fenced { .. })
    {
        ConsumeError::InstanceInUse
    } else if is_code(&error, ErrorCode::InvalidSessionTimeout) {
        ConsumeError::Refused(Box::new(SessionTimeoutRefused))
    } else if is_refusal(&error) {
        ConsumeError::Refused(Box::new(error))
    } else {
        ConsumeError::Unavailable(Box::new(error))
    }
}

/// Not retried: rejoining would fence the other process, which would then fence this one, and so
/// on.
#[derive(Debug, thiserror::Error)]
#[error(
    "another process has joined the group under the same instance id; give each process an id of \
     its own"
)]
struct Fenced;

#[derive(Debug, thiserror::Error)]
#[error(
    "the broker does not allow this session timeout; use one between its \
     group.min.session.timeout.ms (6 s by default) and group.max.session.timeout.ms (30 min)"
)]
struct SessionTimeoutRefused;

fn is_code(error: &KrafkaError, wanted: ErrorCode) -> bool {
    matches!(error, KrafkaError::Broker { code, .. } if *code == wanted)
}

/// The same for an error of a poll. krafka reports a batch that it can't decode on every poll.
pub(super) fn classify_poll(error: KrafkaError) -> ConsumeError {
    match error {
        KrafkaError::Protocol { kind, .. } if kind != ProtocolErrorKind::UnknownApiVersion => {
            ConsumeError::Undecodable(Box::new(error))
        }
        other => classify(other),
    }
}

fn is_refusal(error: &KrafkaError) -> bool {
    use ErrorCode as E;
    match error {
        KrafkaError::Auth { .. } | KrafkaError::Config { .. } => true,
        KrafkaError::Protocol { kind, .. } => *kind == ProtocolErrorKind::UnknownApiVersion,
        KrafkaError::Broker { code, .. } => matches!(
            code,
            E::TopicAuthorizationFailed
                | E::GroupAuthorizationFailed
                | E::ClusterAuthorizationFailed
                | E::SaslAuthenticationFailed
                | E::UnsupportedSaslMechanism
                | E::IllegalSaslState
                | E::UnsupportedVersion
                | E::InvalidTopic
                | E::InvalidGroupId
                | E::InconsistentGroupProtocol
                | E::GroupMaxSizeReached
                | E::InvalidRequest
        ),
        _ => false,
    }
}

/// Whether a commit failed only because of a rebalance, in progress or just completed.
pub(super) fn is_rebalance(error: &KrafkaError) -> bool {
    use ErrorCode as E;
    match error {
        // krafka's error for a member between two generations.
        KrafkaError::IllegalState { .. } => true,
        KrafkaError::Broker { code, .. } => matches!(
            code,
            // A commit that was in flight when this member replaced itself under its instance id.
            // If another process has taken the id, a heartbeat reports it.
            E::FencedInstanceId
                | E::IllegalGeneration
                | E::RebalanceInProgress
                | E::UnknownMemberId
                | E::FencedMemberEpoch
                | E::StaleMemberEpoch
        ),
        _ => false,
    }
}

/// Bounds a call for which krafka applies several of its own timeouts in a row.
pub(super) async fn deadline<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, KrafkaError>>,
) -> Result<T, ConsumeError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(classify),
        Err(_) => Err(ConsumeError::Timeout(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(code: ErrorCode) -> KrafkaError {
        KrafkaError::broker(code, "as the broker says")
    }

    #[test]
    fn transient_errors_are_retriable() {
        for error in [
            broker(ErrorCode::CoordinatorNotAvailable),
            broker(ErrorCode::UnknownServerError),
            broker(ErrorCode::UnknownTopicOrPartition),
            KrafkaError::timeout("a fetch"),
            KrafkaError::unknown_topic("user-metadata"),
        ] {
            assert!(classify_poll(error).is_retriable());
        }
    }

    #[test]
    fn refusals_end_the_member() {
        for error in [
            broker(ErrorCode::GroupAuthorizationFailed),
            broker(ErrorCode::InvalidSessionTimeout),
            KrafkaError::auth("wrong password"),
            KrafkaError::protocol_kind(ProtocolErrorKind::UnknownApiVersion, "too old"),
        ] {
            let error = classify_poll(error);
            assert!(matches!(error, ConsumeError::Refused(_)), "{error:?}");
        }
    }

    #[test]
    fn a_fenced_instance_id_is_distinguished_from_one_that_is_not_free_yet() {
        let lost = classify(broker(ErrorCode::FencedInstanceId));
        assert!(!lost.is_retriable(), "{lost:?}");
        let taken = classify(broker(ErrorCode::UnreleasedInstanceId));
        assert!(taken.is_retriable(), "{taken:?}");
    }

    #[test]
    fn a_closed_client_is_replaced() {
        let closed = classify_poll(KrafkaError::closed("consumer is closed"));
        assert!(closed.needs_a_new_member(), "{closed:?}");
    }

    #[test]
    fn a_damaged_batch_is_distinguished_from_an_outage() {
        let damaged = KrafkaError::protocol_kind(ProtocolErrorKind::CrcMismatch, "at offset 7");
        let error = classify_poll(damaged);
        assert!(matches!(error, ConsumeError::Undecodable(_)), "{error:?}");
    }

    #[test]
    fn a_rebalance_is_distinguished_from_other_commit_errors() {
        assert!(is_rebalance(&broker(ErrorCode::IllegalGeneration)));
        assert!(is_rebalance(&broker(ErrorCode::RebalanceInProgress)));
        assert!(is_rebalance(&broker(ErrorCode::UnknownMemberId)));
        assert!(!is_rebalance(&broker(ErrorCode::GroupAuthorizationFailed)));
        assert!(!is_rebalance(&KrafkaError::timeout("a commit")));
    }
}
