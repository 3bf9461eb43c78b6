use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;

use user_metadata_kafka::{KafkaOptions, OptionsError, TopicSpec};

use crate::KafkaArgs;
use crate::exit::in_words;
use crate::kafka;
use crate::units::at_least_one;

/// The flags of both programs for the topic.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct TopicArgs {
    /// Kafka bootstrap brokers, comma-separated; without them, the embedded log in --data-dir
    #[arg(
        long,
        env = "USER_METADATA_BROKERS",
        value_delimiter = ',',
        value_name = "HOST:PORT"
    )]
    pub brokers: Vec<String>,
    /// TLS and login.
    #[command(flatten)]
    pub kafka: KafkaArgs,
    /// The topic
    #[arg(long, env = "USER_METADATA_TOPIC", default_value = "user-metadata")]
    pub topic: String,
    /// Partitions of the topic, if it has to be created
    #[arg(
        long,
        env = "USER_METADATA_PARTITIONS",
        default_value = "3",
        value_name = "N",
        value_parser = at_least_one::<NonZeroU32>
    )]
    pub partitions: NonZeroU32,
    /// Replication factor of the topic, if it has to be created
    #[arg(
        long,
        env = "USER_METADATA_REPLICATION_FACTOR",
        default_value = "1",
        value_name = "N",
        value_parser = at_least_one::<NonZeroU16>
    )]
    pub replication_factor: NonZeroU16,
    /// Directory of the embedded log, and of ws-server's outbox
    #[arg(
        long,
        env = "USER_METADATA_DATA_DIR",
        default_value = "./data",
        value_name = "DIR"
    )]
    pub data_dir: PathBuf,
}

/// The validated topic, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// How to create the topic if it does not exist.
    pub spec: TopicSpec,
    /// Where it is.
    pub carrier: Carrier,
    /// The directory of the embedded log, and of ws-server's outbox.
    pub data_dir: PathBuf,
}

impl Topic {
    /// A warning to log before anything is sent.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        match &self.carrier {
            Carrier::Kafka(options) => kafka::warning(options),
            Carrier::Embedded => None,
        }
    }
}

/// As in the first line of the log.
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.carrier {
            Carrier::Kafka(options) => {
                let brokers = options.brokers().join(",");
                write!(f, "Kafka at {brokers}, topic {}", self.spec.name())
            }
            Carrier::Embedded => {
                let path = self.data_dir.display();
                write!(f, "the embedded log in {path} (no --brokers given)")
            }
        }
    }
}

/// Where the topic is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// A Kafka cluster.
    Kafka(KafkaOptions),
    /// The embedded log in the topic's `data_dir`.
    Embedded,
}

/// A flag has an invalid value. The message names the flag and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: {problem}")]
pub struct FlagError {
    /// The flag without its dashes.
    pub flag: &'static str,
    /// What is wrong with the value, and what to write instead.
    pub problem: String,
}

impl FlagError {
    /// An error of `flag`: what is wrong with its value, and what to write instead.
    #[must_use]
    pub fn new(flag: &'static str, problem: impl Into<String>) -> Self {
        Self {
            flag,
            problem: problem.into(),
        }
    }

    /// An error of `flag`, whose value caused `error`, with all its causes.
    #[must_use]
    pub fn refused(flag: &'static str, error: &dyn std::error::Error) -> Self {
        Self::new(flag, in_words(error))
    }

    /// An error of `--brokers` in a program built without its cargo feature `kafka`.
    #[must_use]
    pub fn built_without_kafka() -> Self {
        let problem = "this program was built without Kafka; build it with `--features kafka`";
        Self::new("brokers", problem)
    }
}

impl From<OptionsError> for FlagError {
    fn from(error: OptionsError) -> Self {
        let flag = match error {
            OptionsError::Topic(_) => "topic",
            OptionsError::Partitions(_) => "partitions",
            OptionsError::ReplicationFactor(_) => "replication-factor",
            OptionsError::Group => "group",
            ref other => kafka::flag(other).unwrap_or("brokers"),
        };
        Self::new(flag, error.to_string())
    }
}

impl TopicArgs {
    /// Validates the flags.
    ///
    /// # Errors
    ///
    /// [`FlagError`] names the first invalid flag.
    pub fn check(self, client_id: &str) -> Result<Topic, FlagError> {
        let spec = TopicSpec::new(self.topic, self.partitions, self.replication_factor)?;
        let carrier = if self.brokers.is_empty() {
            if let Some(flag) = self.kafka.given().next() {
                let problem = "it needs Kafka; add its brokers, e.g. --brokers kafka-1:9092";
                return Err(FlagError::new(flag, problem));
            }
            Carrier::Embedded
        } else {
            let brokers = self.brokers.iter().map(|broker| broker.trim());
            let options = KafkaOptions::new(brokers)?.with_client_id(client_id);
            Carrier::Kafka(self.kafka.secure(options)?)
        };
        Ok(Topic {
            spec,
            carrier,
            data_dir: self.data_dir,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use user_metadata_kafka::{SaslMechanism, SaslOptions, Secret};

    use super::*;

    #[derive(Debug, Parser)]
    struct Args {
        #[command(flatten)]
        topic: TopicArgs,
    }

    fn check(flags: &[&str]) -> Result<Topic, FlagError> {
        let args = Args::try_parse_from([&["test"], flags].concat()).unwrap();
        args.topic.check("test")
    }

    #[test]
    fn without_brokers_the_embedded_log_carries_the_topic() {
        let topic = check(&["--data-dir", "/srv/um"]).unwrap();
        assert_eq!(topic.carrier, Carrier::Embedded);
        assert_eq!(topic.spec.name(), "user-metadata");
        assert_eq!(topic.spec.partitions().get(), 3);
        assert_eq!(
            topic.to_string(),
            "the embedded log in /srv/um (no --brokers given)"
        );
    }

    #[test]
    fn a_list_of_brokers_may_have_spaces() {
        let topic = check(&["--brokers", "a:1, b:2", "--brokers", "[::1]:3"]).unwrap();
        assert_eq!(
            topic.to_string(),
            "Kafka at a:1,b:2,[::1]:3, topic user-metadata"
        );
        let Carrier::Kafka(options) = topic.carrier else {
            panic!("{topic:?}")
        };
        assert_eq!(options.brokers(), ["a:1", "b:2", "[::1]:3"]);
        assert_eq!(options.client_id(), "test");
    }

    #[test]
    fn a_login_is_read_from_the_flags_and_the_password_from_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "open sesame\r\n").unwrap();
        let path = file.path().to_str().unwrap();
        let login = ["--kafka-username", "app", "--kafka-password-file", path];
        for (sasl, mechanism, is_warned_of) in [
            ("plain", SaslMechanism::Plain, true),
            ("scram-sha-256", SaslMechanism::ScramSha256, false),
            ("scram-sha-512", SaslMechanism::ScramSha512, false),
        ] {
            let flags = ["--brokers", "a:1", "--kafka-sasl", sasl];
            let topic = check(&[&flags[..], &login].concat()).unwrap();
            assert_eq!(topic.warning().is_some(), is_warned_of, "{topic:?}");
            assert!(!format!("{topic:?}").contains("sesame"));
            let Carrier::Kafka(options) = topic.carrier else {
                panic!("{topic:?}")
            };
            let password = Secret::new("open sesame");
            let expected = SaslOptions::new(mechanism, "app", password).unwrap();
            assert_eq!(options.sasl(), Some(&expected));
            assert_eq!(options.tls(), None);
        }
    }

    #[test]
    fn tls_needs_names_and_no_ipv6_addresses() {
        let tls = |broker| check(&["--brokers", broker, "--kafka-tls"]);
        let problem = tls("[::1]:9093").unwrap_err().to_string();
        assert!(problem.starts_with("--brokers: `[::1]:9093`"), "{problem}");
        assert!(problem.contains("kafka-1:9092"), "{problem}");
        let Carrier::Kafka(options) = tls("kafka-1:9093").unwrap().carrier else {
            panic!("no Kafka")
        };
        assert!(options.tls().is_some());
    }

    #[test]
    fn an_error_names_the_flag_and_the_remedy() {
        for (flags, message) in [
            (
                ["--brokers", "kafka"],
                "--brokers: `kafka` is not host:port; write e.g. kafka-1:9092",
            ),
            (
                ["--brokers", ""],
                "--brokers: `` is not host:port; write e.g. kafka-1:9092",
            ),
            (
                ["--replication-factor", "40000"],
                "--replication-factor: a replication factor of 40000 is too high; use the number of brokers at most",
            ),
            (
                ["--topic", ".."],
                "--topic: `..` is not a topic name; use 1 to 249 letters, digits, dots, dashes and underscores",
            ),
        ] {
            assert_eq!(check(&flags).unwrap_err().to_string(), message);
        }
    }
}
