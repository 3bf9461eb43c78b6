//! Why a group can't be joined, read or committed to.

use std::time::Duration;

use crate::{BoxError, Refusal};

/// Why consuming does not go on. A rebalance is never an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumeError {
    /// No broker can be reached, or the cluster is not ready. Try again after a back-off.
    #[error("Kafka is unavailable")]
    Unavailable(#[source] BoxError),
    /// No answer in time. Try again after a back-off.
    #[error("Kafka does not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// One side does not trust the other. Somebody has to change a flag, a certificate or the
    /// cluster; where it is the cluster, trying again goes on with what is there now. For a member
    /// that has joined it is an outage.
    #[error("Kafka and this process don't trust each other")]
    Untrusted(#[source] Refusal),
    /// The cluster will not let this process read the topic or use the group: no right to, a
    /// session timeout outside its limits, too old a version. Somebody has to change a flag or
    /// the cluster.
    #[error("Kafka refuses the consumer")]
    Refused(#[source] BoxError),
    /// Another process is in the group under the same instance id, or was and its session is not
    /// over ([`GroupProtocol::Consumer`](crate::GroupProtocol::Consumer) alone: else who comes later
    /// takes over, and who is there is [`Refused`](Self::Refused)). For a member it is an outage.
    #[error(
        "another process is in the group under the same instance id, or was and its session is not \
         over; give each process an id of its own"
    )]
    InstanceInUse,
    /// A batch in the topic is damaged, or packed in a way that is not known. Reading can't pass it
    /// until somebody moves the group's offset behind it.
    #[error("the topic holds a batch that can't be read")]
    Undecodable(#[source] BoxError),
    /// The member has ended, by an error that an earlier call returned.
    #[error("the consumer has ended")]
    Ended,
}

impl ConsumeError {
    /// Whether the member's krafka can't go on, but one that is made anew.
    pub(super) const fn needs_a_new_member(&self) -> bool {
        matches!(self, Self::InstanceInUse | Self::Ended)
    }

    /// Whether waiting may help without anybody changing a flag of this process. The one after an
    /// [`Untrusted`](Self::Untrusted) is
    /// [kept in here](crate::KafkaOptions::with_refusal_pause).
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(_) | Self::Timeout(_) | Self::Untrusted(_) | Self::InstanceInUse
        )
    }
}
