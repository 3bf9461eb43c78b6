//! The topic, which must exist before anything else happens.

use std::num::{NonZeroU16, NonZeroU32};

use crate::OptionsError;

/// A topic as it is created if it does not exist. An existing topic is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    name: String,
    partitions: NonZeroU32,
    replication_factor: NonZeroU16,
}

impl TopicSpec {
    /// Checks the values against Kafka's limits.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for a name that Kafka refuses and for counts beyond its integers.
    pub fn new(
        name: impl Into<String>,
        partitions: NonZeroU32,
        replication_factor: NonZeroU16,
    ) -> Result<Self, OptionsError> {
        let name = checked_topic(name.into())?;
        if i32::try_from(partitions.get()).is_err() {
            return Err(OptionsError::Partitions(partitions.get()));
        }
        if i16::try_from(replication_factor.get()).is_err() {
            return Err(OptionsError::ReplicationFactor(replication_factor.get()));
        }
        Ok(Self {
            name,
            partitions,
            replication_factor,
        })
    }

    /// The topic's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of partitions of a new topic.
    #[must_use]
    pub fn partitions(&self) -> NonZeroU32 {
        self.partitions
    }

    /// The replication factor of a new topic.
    #[must_use]
    pub fn replication_factor(&self) -> NonZeroU16 {
        self.replication_factor
    }
}

/// The state of the topic that a [`TopicSpec`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicState {
    /// The number of partitions.
    pub partitions: NonZeroU32,
    /// The number of partitions that the [`TopicSpec`] asks for.
    pub requested: NonZeroU32,
    /// Whether this call created the topic.
    pub created: bool,
}

impl TopicState {
    /// Whether the topic has another number of partitions than was asked for. It works all the
    /// same, but somebody may want to know.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.partitions != self.requested
    }
}

pub(crate) fn checked_topic(name: String) -> Result<String, OptionsError> {
    if is_legal(&name) {
        Ok(name)
    } else {
        Err(OptionsError::Topic(name.escape_default().to_string()))
    }
}

/// Kafka's rule for the names of topics and the ids of static members (`Topic.validate` of its
/// source).
pub(crate) fn is_legal(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name != "."
        && name != ".."
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str) -> Result<TopicSpec, OptionsError> {
        TopicSpec::new(name, NonZeroU32::MIN, NonZeroU16::MIN)
    }

    #[test]
    fn names_follow_kafkas_rule() {
        for name in ["user-metadata", "a.b_c-D9", "..a", &"x".repeat(249)] {
            assert_eq!(topic(name).unwrap().name(), name);
        }
        for name in ["", ".", "..", "a b", "a/b", "ä", "a\n", &"x".repeat(250)] {
            assert!(matches!(topic(name), Err(OptionsError::Topic(_))), "{name}");
        }
    }

    #[test]
    fn counts_fit_kafkas_integers() {
        let many = TopicSpec::new("t", NonZeroU32::MAX, NonZeroU16::MIN);
        assert_eq!(many, Err(OptionsError::Partitions(u32::MAX)));
        let copies = TopicSpec::new("t", NonZeroU32::MIN, NonZeroU16::MAX);
        assert_eq!(copies, Err(OptionsError::ReplicationFactor(u16::MAX)));
    }
}
