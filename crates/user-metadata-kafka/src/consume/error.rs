//! Why a group can't be joined, read or committed to.

use std::time::Duration;

use crate::{BoxError, Refusal};

/// Why consuming can't continue. A rebalance is never an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// No broker can be reached, or the cluster is not ready. Try again after a back-off.
    #[error("Kafka is unavailable")]
    Unavailable(#[source] BoxError),
    /// No response in time. Try again after a back-off.
    #[error("Kafka does not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// One side does not trust the other. Somebody has to change the configuration, a certificate
    /// or the cluster; if it is the cluster, retrying continues with the new state. For a member
    /// that has joined, this is an outage.
    #[error("Kafka and this process don't trust each other")]
    Untrusted(#[source] Refusal),
    /// The cluster does not allow this process to read the topic or to use the group: missing
    /// permissions, a session timeout outside the broker's limits, an old version. Somebody has to
    /// change the configuration or the cluster.
    #[error("Kafka refuses the consumer")]
    Refused(#[source] BoxError),
    /// Another process uses the same instance id, or did and its session has not expired. Only with
    /// [`GroupProtocol::Consumer`](crate::GroupProtocol::Consumer); with the classic protocol the
    /// later process takes over, and the earlier one gets [`Refused`](Self::Refused). For a member
    /// that has joined, this is an outage.
    #[error(
        "another process is in the group under the same instance id, or was and its session is not \
         over; give each process an id of its own"
    )]
    InstanceInUse,
    /// A batch in the topic is corrupt or uses an unknown compression. Reading can't pass it until
    /// somebody moves the group's offset past it.
    #[error("the topic holds a batch that can't be read")]
    Undecodable(#[source] BoxError),
    /// The member has ended because of an error that an earlier call returned.
    #[error("the consumer has ended")]
    Ended,
}

impl ConsumeError {
    /// Whether the member's krafka consumer can't recover, but a new one can.
    pub(super) const fn needs_a_new_member(&self) -> bool {
        matches!(self, Self::InstanceInUse | Self::Ended)
    }

    /// Whether waiting may help without a change to the configuration of this process. The wait
    /// after an [`Untrusted`](Self::Untrusted) is [enforced by this
    /// crate](crate::KafkaOptions::with_refusal_pause).
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Timeout(_) | Self::Untrusted(_) | Self::InstanceInUse
        )
    }
}
