//! Which topic is read, in which group, and from where.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use krafka::GroupMembershipOperation;

use crate::OptionsError;
use crate::topic::{checked_topic, is_legal};

/// Where to start in a partition for which the group has no commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ConsumeStart {
    /// At the oldest available record.
    #[default]
    Earliest,
    /// After the newest record.
    Latest,
    /// At the first record of this time (ms since the Unix epoch) or later; after the newest record
    /// if there is none.
    At(i64),
}

/// How the partitions are assigned to the members of a group; Kafka's `group.protocol`. All members
/// of a group use the same, except during a migration from one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum GroupProtocol {
    /// One of the members assigns the partitions, cooperatively: partitions that stay with their
    /// owner are read without interruption. Works with every broker.
    #[default]
    Classic,
    /// The broker assigns them (KIP-848), which needs Kafka 4.0. The session timeout is the
    /// broker's `group.consumer.session.timeout.ms`, 45 s by default.
    Consumer,
}

/// What a member of a consumer group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOptions {
    topic: String,
    group: String,
    start: ConsumeStart,
    protocol: GroupProtocol,
    instance_id: Option<String>,
    /// Whether the instance id is random, for one membership only.
    has_random_id: bool,
    session_timeout: Duration,
    handover_timeout: Duration,
    max_batch: u32,
}

impl GroupOptions {
    /// Reads `topic` as a member of `group`, starting at the oldest record where the group has no
    /// commit.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for a name that Kafka refuses.
    pub fn new(topic: impl Into<String>, group: impl Into<String>) -> Result<Self, OptionsError> {
        let group = group.into();
        if group.trim().is_empty() {
            return Err(OptionsError::Group);
        }
        Ok(Self {
            topic: checked_topic(topic.into())?,
            group,
            start: ConsumeStart::default(),
            protocol: GroupProtocol::default(),
            instance_id: None,
            has_random_id: false,
            session_timeout: Duration::from_secs(10),
            handover_timeout: Duration::from_secs(5),
            max_batch: 1000,
        })
    }

    /// Where to start where the group has no commit; default [`ConsumeStart::Earliest`].
    #[must_use]
    pub fn with_start(mut self, start: ConsumeStart) -> Self {
        self.start = start;
        self
    }

    /// How the group assigns its partitions; default [`GroupProtocol::Classic`].
    #[must_use]
    pub fn with_protocol(mut self, protocol: GroupProtocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Makes this a static member: if it comes back under the same id within the session timeout,
    /// it gets its partitions back without a rebalance. In the meantime nobody reads them, not even
    /// after [`close`](crate::GroupConsumer::close). Each member of a group needs an id of its own.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for an id that Kafka refuses.
    pub fn with_instance_id(mut self, id: impl Into<String>) -> Result<Self, OptionsError> {
        let id = id.into();
        if !is_legal(&id) {
            return Err(OptionsError::GroupInstanceId(
                id.escape_default().to_string(),
            ));
        }
        self.instance_id = Some(id);
        Ok(self)
    }

    /// How long the group waits for a heartbeat before it takes this member's partitions away;
    /// default 10 s. A broker accepts 6 s to 30 min unless configured otherwise. With
    /// [`GroupProtocol::Consumer`] only the broker's setting counts.
    #[must_use]
    pub fn with_session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// How long a partition that is to move to another member waits for its records in flight to be
    /// committed; default 5 s. See [`GroupEvent::Revoking`](crate::GroupEvent::Revoking).
    #[must_use]
    pub fn with_handover_timeout(mut self, timeout: Duration) -> Self {
        self.handover_timeout = timeout;
        self
    }

    /// The most records in one [`GroupEvent::Records`](crate::GroupEvent::Records); default 1,000.
    /// Up to 8 MiB per broker are prefetched.
    #[must_use]
    pub fn with_max_batch(mut self, records: u32) -> Self {
        self.max_batch = records;
        self
    }

    /// The topic that is read.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The consumer group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Where to start where the group has no commit.
    #[must_use]
    pub fn start(&self) -> ConsumeStart {
        self.start
    }

    pub(super) fn protocol(&self) -> GroupProtocol {
        self.protocol
    }

    pub(super) fn instance_id(&self) -> Option<&str> {
        self.instance_id.as_deref()
    }

    /// Gives a member of [`GroupProtocol::Classic`] without an instance id a random one. krafka sends
    /// heartbeats while it waits for a rebalance; when that is over, it considers itself fenced and
    /// joins again as another member. With an instance id, the new member replaces the first one;
    /// without, the group would wait for the first one until its session expires, the others would be
    /// fenced in turn, and so on forever.
    pub(super) fn with_some_id(mut self) -> Self {
        if self.protocol == GroupProtocol::Classic && self.instance_id.is_none() {
            let random = RandomState::new().hash_one(&self.group);
            self.instance_id = Some(format!("member-{random:016x}"));
            self.has_random_id = true;
        }
        self
    }

    /// What happens at the end: a member that may come back under its instance id does not leave the
    /// group.
    pub(super) fn end_of_membership(&self) -> GroupMembershipOperation {
        if self.has_random_id {
            GroupMembershipOperation::LeaveGroup
        } else {
            GroupMembershipOperation::Default
        }
    }

    pub(super) fn session_timeout(&self) -> Duration {
        self.session_timeout
    }

    pub(super) fn handover_timeout(&self) -> Duration {
        self.handover_timeout
    }

    pub(super) fn max_batch(&self) -> u32 {
        self.max_batch
    }
}
