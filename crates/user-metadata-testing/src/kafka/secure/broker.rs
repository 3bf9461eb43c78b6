use std::net::TcpStream;
use std::time::Duration;

use super::Authority;
use crate::kafka::Cluster;
use crate::kafka::broker::{Broker, Extra};
use crate::kafka::tools::configure;
use crate::missing::Missing;
use crate::port::Port;
use crate::until::until;

/// A listener of a [`SecureBroker`], by what it requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// A password, in plain text: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
    Sasl,
    /// TLS.
    Tls,
    /// TLS and a password.
    SaslTls,
    /// TLS and a client certificate.
    Mutual,
    /// TLS, with a certificate for another host.
    OtherHost,
}

impl Listener {
    const ALL: [Self; 5] = [
        Self::Sasl,
        Self::Tls,
        Self::SaslTls,
        Self::Mutual,
        Self::OtherHost,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Sasl => "SASL",
            Self::Tls => "TLS",
            Self::SaslTls => "SASLTLS",
            Self::Mutual => "MUTUAL",
            Self::OtherHost => "OTHERHOST",
        }
    }

    const fn protocol(self) -> &'static str {
        match self {
            Self::Sasl => "SASL_PLAINTEXT",
            Self::SaslTls => "SASL_SSL",
            Self::Tls | Self::Mutual | Self::OtherHost => "SSL",
        }
    }
}

/// A broker with a listener for each way to authenticate, and one without.
#[derive(Debug)]
pub struct SecureBroker {
    cluster: Cluster,
    ports: Vec<(Listener, Port)>,
    authority: Authority,
}

impl SecureBroker {
    /// The user whose password is [`PASSWORD`](Self::PASSWORD), whichever the mechanism.
    pub const USER: &str = "app";
    /// The initial password.
    pub const PASSWORD: &str = "open sesame";

    /// Starts a broker and waits until it answers: 4 to 6 s.
    ///
    /// # Errors
    ///
    /// As [`Broker::start`].
    pub fn start() -> Result<Self, Missing> {
        let authority = Authority::new();
        let ports: Vec<_> = Listener::ALL
            .map(|listener| (listener, Port::free()))
            .into();
        let broker = Broker::prepared(&Extra {
            properties: properties(&ports, &authority),
            format: ["SCRAM-SHA-256", "SCRAM-SHA-512"]
                .into_iter()
                .flat_map(|mechanism| ["--add-scram".to_owned(), user(mechanism)])
                .collect(),
            // The level at which Kafka logs refused logins.
            java_options: "-Dlog4j2.level=INFO",
        })?;
        let mut cluster = Cluster::from(broker);
        cluster.restart_dead();
        // It answers as soon as its first port is open.
        let is_open = |(_, port): &(Listener, Port)| TcpStream::connect(port.to_string()).is_ok();
        until("the ports of the broker", Duration::from_secs(60), || {
            ports.iter().all(is_open).then_some(())
        });
        Ok(Self {
            cluster,
            ports,
            authority,
        })
    }

    /// The value for `--brokers`.
    #[must_use]
    pub fn address(&self, listener: Listener) -> String {
        let port = self.ports.iter().find(|(other, _)| *other == listener);
        port.map_or_else(String::new, |(_, port)| port.to_string())
    }

    /// The broker, by its listener without authentication.
    pub fn broker(&mut self) -> &mut Broker {
        &mut self.cluster[0]
    }

    /// The broker as a cluster of one.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// [`cluster`](Self::cluster), mutable.
    pub fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// The authority that signed its certificate, and whose client certificates it accepts.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Changes the password of [`USER`](Self::USER) for one of the SCRAM mechanisms. Connections
    /// stay open.
    ///
    /// # Errors
    ///
    /// As [`Broker::start`].
    pub fn change_password(&self, mechanism: &str, password: &str) -> Result<(), Missing> {
        let scram = format!("{mechanism}=[password={password}]");
        let user = ["--entity-type", "users", "--entity-name", Self::USER];
        let arguments = [&["--alter", "--add-config", &scram], &user[..]].concat();
        configure(&self.cluster.addresses(), &arguments).map(drop)
    }

    /// How many logins it has refused since it was last started.
    #[must_use]
    pub fn refused(&self) -> usize {
        let lines = self.cluster[0].process.running().stdout().so_far();
        let refused = lines
            .iter()
            .filter(|line| line.contains("ailed authentication"));
        refused.count()
    }
}

fn user(mechanism: &str) -> String {
    let (name, password) = (SecureBroker::USER, SecureBroker::PASSWORD);
    format!("{mechanism}=[name={name},password={password}]")
}

fn properties(ports: &[(Listener, Port)], authority: &Authority) -> String {
    let mut listeners = "PLAINTEXT://{listen}".to_owned();
    let mut protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned();
    for (listener, port) in ports {
        let (name, protocol) = (listener.name(), listener.protocol());
        listeners += &format!(",{name}://{port}");
        protocols += &format!(",{name}:{protocol}");
    }
    let mut text = format!(
        "listeners={listeners},CONTROLLER://{{controller}}\n\
         advertised.listeners={listeners}\n\
         listener.security.protocol.map={protocols}\n\
         ssl.keystore.type=PEM\n\
         ssl.keystore.location={}\n\
         ssl.truststore.type=PEM\n\
         ssl.truststore.location={}\n\
         listener.name.mutual.ssl.client.auth=required\n\
         listener.name.otherhost.ssl.keystore.type=PEM\n\
         listener.name.otherhost.ssl.keystore.location={}\n",
        key_store(authority, "broker", &["localhost", "127.0.0.1"]),
        authority.ca_file(),
        key_store(authority, "other", &["kafka.example.org"]),
    );
    for listener in ["sasl", "sasltls"] {
        text += &logins(listener);
    }
    text
}

fn logins(listener: &str) -> String {
    let (name, password) = (SecureBroker::USER, SecureBroker::PASSWORD);
    let security = "org.apache.kafka.common.security";
    let prefix = format!("listener.name.{listener}");
    let mut text = format!(
        "{prefix}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n\
         {prefix}.plain.sasl.jaas.config={security}.plain.PlainLoginModule required \
         user_{name}=\"{password}\";\n"
    );
    for mechanism in ["scram-sha-256", "scram-sha-512"] {
        let module = format!("{security}.scram.ScramLoginModule required");
        text += &format!("{prefix}.{mechanism}.sasl.jaas.config={module};\n");
    }
    text
}

/// Kafka wants the key and the certificate in one file.
fn key_store(authority: &Authority, name: &str, hosts: &[&str]) -> String {
    let (certificate, key) = authority.sign(name, hosts);
    let pem = [&key, &certificate].map(|path| std::fs::read_to_string(path).unwrap_or_default());
    let written = std::fs::write(&key, pem.concat());
    assert!(written.is_ok(), "{key}: {written:?}");
    key
}
