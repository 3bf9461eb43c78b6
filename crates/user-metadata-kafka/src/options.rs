//! Where the cluster is and how long one call to it may take.

use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "consume", feature = "produce"))]
use crate::security::Gate;
use crate::{SaslOptions, TlsOptions};

/// How to reach a Kafka cluster: in plain text and without a login, unless
/// [`with_tls`](Self::with_tls) and [`with_sasl`](Self::with_sasl) say otherwise. With either,
/// clones log in one after the other and share the pause after a refusal.
///
/// ```
/// use user_metadata_kafka::KafkaOptions;
///
/// let options = KafkaOptions::new(["kafka-1:9092", "kafka-2:9092"])?.with_client_id("ws-server");
/// assert_eq!(options.brokers(), ["kafka-1:9092", "kafka-2:9092"]);
/// assert!(KafkaOptions::new(["kafka-1"]).is_err());
/// # Ok::<(), user_metadata_kafka::OptionsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    brokers: Vec<String>,
    client_id: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    metadata_max_age: Duration,
    tls: Option<Arc<TlsOptions>>,
    sasl: Option<Arc<SaslOptions>>,
    refusal_pause: Duration,
    #[cfg(any(feature = "consume", feature = "produce"))]
    gate: Gate,
}

impl KafkaOptions {
    /// Takes the bootstrap brokers as `host:port` (`[host]:port` for IPv6); they are used to
    /// discover the other brokers of the cluster.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for an empty list and for an entry that is not `host:port`.
    pub fn new<I>(brokers: I) -> Result<Self, OptionsError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let brokers = brokers
            .into_iter()
            .map(|broker| checked_broker(broker.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        if brokers.is_empty() {
            return Err(OptionsError::NoBrokers);
        }
        Ok(Self {
            brokers,
            client_id: "user-metadata".to_owned(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            metadata_max_age: Duration::from_secs(30),
            tls: None,
            sasl: None,
            refusal_pause: Duration::from_secs(30),
            #[cfg(any(feature = "consume", feature = "produce"))]
            gate: Gate::default(),
        })
    }

    /// The name of this process in the brokers' logs and quotas; default `user-metadata`.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// How long it may take to find a broker that responds; default 10 s.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long one request may wait for its response; default 15 s.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long new partitions, or a topic that was deleted and recreated, may go unnoticed;
    /// default 30 s. A producer lists the topic again with the first batch after that time; a
    /// consumer's list may be twice as old.
    #[must_use]
    pub fn with_metadata_max_age(mut self, age: Duration) -> Self {
        self.metadata_max_age = age;
        self
    }

    /// Uses TLS with every broker.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(Arc::new(tls));
        self.with_new_gate()
    }

    /// Logs in to every broker.
    #[must_use]
    pub fn with_sasl(mut self, sasl: SaslOptions) -> Self {
        self.sasl = Some(Arc::new(sasl));
        self.with_new_gate()
    }

    /// How long to wait before logging in again after a [`Refusal`](crate::Refusal); default 30 s,
    /// of which up to half is left out at random. Calls in the meantime return the refusal at once.
    #[must_use]
    pub fn with_refusal_pause(mut self, pause: Duration) -> Self {
        self.refusal_pause = pause;
        self
    }

    /// Other credentials must not wait for a refusal of these.
    fn with_new_gate(self) -> Self {
        #[cfg(any(feature = "consume", feature = "produce"))]
        let gate = Gate::default();
        Self {
            #[cfg(any(feature = "consume", feature = "produce"))]
            gate,
            ..self
        }
    }

    /// The bootstrap brokers, each `host:port`.
    #[must_use]
    pub fn brokers(&self) -> &[String] {
        &self.brokers
    }

    /// The name sent with every request.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// How long it may take to find a broker that responds.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// How long one request may wait for its response.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    /// How long a change of a topic may go unnoticed.
    #[must_use]
    pub fn metadata_max_age(&self) -> Duration {
        self.metadata_max_age
    }

    /// The TLS options; `None` is plain text.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsOptions> {
        self.tls.as_deref()
    }

    /// The user to log in as.
    #[must_use]
    pub fn sasl(&self) -> Option<&SaslOptions> {
        self.sasl.as_deref()
    }

    /// How long to wait after a refused login.
    #[must_use]
    pub fn refusal_pause(&self) -> Duration {
        self.refusal_pause
    }

    #[cfg(any(feature = "consume", feature = "produce"))]
    pub(crate) fn gate(&self) -> Gate {
        match (&self.tls, &self.sasl) {
            // Without a login there are no refusals to wait for.
            (None, None) => Gate::default(),
            _ => self.gate.clone(),
        }
    }
}

/// An option that can't be valid for any cluster. The message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The list of bootstrap brokers is empty.
    #[error("no broker given; write e.g. kafka-1:9092")]
    NoBrokers,
    /// A bootstrap broker without host or port, or with something else.
    #[error("`{0}` is not host:port; write e.g. kafka-1:9092")]
    Broker(String),
    /// A topic name that Kafka refuses.
    #[error(
        "`{0}` is not a topic name; use 1 to 249 letters, digits, dots, dashes and underscores"
    )]
    Topic(String),
    /// More partitions than Kafka's 32-bit signed count holds.
    #[error("{0} partitions are too many; use e.g. 3")]
    Partitions(u32),
    /// A replication factor beyond Kafka's 16-bit signed count.
    #[error("a replication factor of {0} is too high; use the number of brokers at most")]
    ReplicationFactor(u16),
    /// A user name that is empty or has a control character.
    #[error("the user's name is empty or holds a control character")]
    Username,
    /// A password that is empty or has a control character.
    #[error("the password is empty or holds a control character")]
    Password,
    /// Not a bundle of trusted certificates.
    #[error("not a bundle of certificates: {0}; give a file in PEM")]
    Ca(String),
    /// The operating system has no trusted certificate authorities.
    #[error(
        "this system trusts no certificate authority; install its CA certificates, or name the brokers' own"
    )]
    NoSystemRoots,
    /// Not a client certificate.
    #[error("not a client certificate: {0}; give a file in PEM, the chain after the certificate")]
    ClientCertificate(String),
    /// Not a private key, or the key of another certificate.
    #[error(
        "not the key of the client certificate: {0}; give the one it was made with, in PEM, without a passphrase"
    )]
    ClientKey(String),
    /// A consumer group without a name.
    #[error("the consumer group needs a name")]
    Group,
    /// A group instance id that Kafka refuses.
    #[error(
        "`{0}` is not a group instance id; use 1 to 249 letters, digits, dots, dashes and underscores"
    )]
    GroupInstanceId(String),
}

/// The Kafka client resolves the host, so only the form is checked here.
fn checked_broker(broker: &str) -> Result<String, OptionsError> {
    let invalid = || OptionsError::Broker(broker.escape_default().to_string());
    let (host, port) = broker.rsplit_once(':').ok_or_else(invalid)?;
    let port_is_valid = !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port != 0);
    let name = host
        .strip_prefix('[')
        .map_or(Some(host), |rest| rest.strip_suffix(']'));
    let host_is_valid = name.is_some_and(|name| {
        let bracketed = name.len() != host.len();
        !name.is_empty()
            && name.chars().all(|c| {
                c.is_ascii_alphanumeric() || "-._".contains(c) || (bracketed && ":%".contains(c))
            })
    });
    if port_is_valid && host_is_valid {
        Ok(broker.to_owned())
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_addresses_and_ports_are_taken_as_they_are() {
        for broker in [
            "localhost:9092",
            "kafka-1.example.org:1",
            "10.0.0.7:65535",
            "[::1]:9092",
        ] {
            let options = KafkaOptions::new([broker]).unwrap();
            assert_eq!(options.brokers(), [broker]);
        }
    }

    #[test]
    fn what_is_not_host_and_port_is_refused_with_an_example() {
        for broker in [
            "",
            ":",
            "localhost",
            "localhost:",
            ":9092",
            "localhost:0",
            "localhost:65536",
            "localhost:+9092",
            "localhost:9092/",
            "http://localhost:9092",
            "a b:9092",
            "a,b:9092",
            "::1:9092",
            "[::1:9092",
            "[]:9092",
            "user@host:9092",
            "host:90\n92",
        ] {
            let error = KafkaOptions::new(["kafka-1:9092", broker]).unwrap_err();
            let shown = broker.escape_default();
            assert_eq!(
                error.to_string(),
                format!("`{shown}` is not host:port; write e.g. kafka-1:9092")
            );
        }
    }

    #[test]
    fn no_broker_at_all_is_refused() {
        let none: [&str; 0] = [];
        assert_eq!(KafkaOptions::new(none), Err(OptionsError::NoBrokers));
    }
}
