//! Checks what a consumer would use, without consuming.

use std::collections::BTreeMap;

use super::feed::{Backend, dead_letter_topic};
use super::{BuildError, ConsumerBuilder};
use crate::BoxError;

/// The state of one thing that a consumer needs.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConfigCheck {
    /// What it is, e.g. `topic user-metadata`.
    pub what: String,
    /// Its state, or what is wrong with it and the remedy.
    pub found: Result<String, BoxError>,
}

impl ConfigCheck {
    fn new(what: impl Into<String>, found: Result<impl Into<String>, impl Into<BoxError>>) -> Self {
        Self {
            what: what.into(),
            found: found.map(Into::into).map_err(Into::into),
        }
    }
}

impl ConsumerBuilder {
    /// Checks the topic, its dead letters and the positions of these sinks' groups, one after the
    /// other. Creates and changes nothing.
    ///
    /// Must be called within a tokio runtime.
    pub async fn check(&self, sinks: &[&str]) -> Vec<ConfigCheck> {
        let groups = sinks.iter().map(|sink| format!("{}.{sink}", self.group));
        let groups: Vec<String> = groups.collect();
        match &self.backend {
            None => vec![ConfigCheck::new(
                "source",
                Err::<String, _>(BuildError::NoSource),
            )],
            #[cfg(feature = "kafka")]
            Some(Backend::Kafka(options)) => kafka::check(self, options, &groups).await,
            #[cfg(feature = "embedded")]
            Some(Backend::Log(dir)) => log::check(self, dir, &groups),
        }
    }
}

/// The state of a group.
fn state_in_words(positions: &BTreeMap<u32, u64>) -> String {
    match positions.len() {
        0 => "new; no position yet".to_owned(),
        partitions => format!("has positions in {partitions} partitions"),
    }
}

#[cfg(feature = "kafka")]
mod kafka {
    use user_metadata_kafka::{ConsumeError, KafkaOptions, TopicAdmin, TopicSpec};

    use super::{BoxError, ConfigCheck, ConsumerBuilder, dead_letter_topic, state_in_words};
    use crate::pipeline::in_words;

    pub(super) async fn check(
        builder: &ConsumerBuilder,
        options: &KafkaOptions,
        groups: &[String],
    ) -> Vec<ConfigCheck> {
        let brokers = format!("Kafka at {}", options.brokers().join(","));
        let admin = match TopicAdmin::connect(options).await {
            Ok(admin) => admin,
            Err(error @ (ConsumeError::Unavailable(_) | ConsumeError::Timeout(_))) => {
                let error = in_words(&error) + "; check the brokers' names, and that they run";
                return vec![ConfigCheck::new(brokers, Err::<String, _>(error))];
            }
            Err(error) => return vec![ConfigCheck::new(brokers, Err::<String, _>(error))],
        };
        let mut checks = vec![ConfigCheck::new(brokers, Ok::<_, BoxError>("reached"))];
        for topic in [builder.topic.clone(), dead_letter_topic(&builder.topic)] {
            let found = topic_found(builder, &admin, &topic).await;
            checks.push(ConfigCheck::new(format!("topic {topic}"), found));
        }
        for group in groups {
            let positions = admin.committed(group, &builder.topic).await;
            let found = positions.map(|positions| state_in_words(&positions));
            checks.push(ConfigCheck::new(format!("group {group}"), found));
        }
        checks
    }

    async fn topic_found(
        builder: &ConsumerBuilder,
        admin: &TopicAdmin,
        topic: &str,
    ) -> Result<String, BoxError> {
        let spec = TopicSpec::new(topic, builder.partitions, builder.replication_factor)?;
        Ok(match admin.find(&spec).await? {
            Some(partitions) => format!("exists, with {partitions} partitions"),
            None => "does not exist yet; it can be created when needed".to_owned(),
        })
    }
}

#[cfg(feature = "embedded")]
mod log {
    use std::fs::OpenOptions;
    use std::io;
    use std::path::Path;

    use user_metadata_log::{DataDir, GroupPositions, LogReader, OpenError};

    use super::{ConfigCheck, ConsumerBuilder, dead_letter_topic, state_in_words};

    pub(super) fn check(
        builder: &ConsumerBuilder,
        dir: &DataDir,
        groups: &[String],
    ) -> Vec<ConfigCheck> {
        let path = dir.path();
        let mut checks = vec![ConfigCheck::new(
            format!("folder {}", path.display()),
            writable(path),
        )];
        for (topic, path) in [
            (builder.topic.clone(), dir.topic_path()),
            (dead_letter_topic(&builder.topic), dir.dead_letters_path()),
        ] {
            let found = match LogReader::open(&path) {
                Ok(log) => Ok(format!("exists, with {} partitions", log.partitions())),
                Err(OpenError::Missing { .. }) => {
                    Ok("does not exist yet; the consumer waits for it".to_owned())
                }
                Err(error) => Err(error),
            };
            checks.push(ConfigCheck::new(format!("topic {topic}"), found));
        }
        for group in groups {
            let positions = GroupPositions::peek(dir, group);
            let found = positions.map(|positions| state_in_words(&positions));
            checks.push(ConfigCheck::new(format!("group {group}"), found));
        }
        checks
    }

    /// Whether a file can be created there; for a missing folder, whether it can be created.
    fn writable(path: &Path) -> io::Result<String> {
        let is_there = path.is_dir();
        let existing = path.ancestors().find(|path| path.is_dir());
        let probe = existing.unwrap_or(Path::new("."));
        let probe = probe.join(format!(".check-config-{}", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).open(&probe);
        drop(file?);
        std::fs::remove_file(&probe)?;
        Ok(if is_there {
            "can be written".to_owned()
        } else {
            "does not exist yet; it can be created".to_owned()
        })
    }
}
