use std::ops::{Deref, DerefMut};

use user_metadata_testing::kafka::{Cluster, ClusterOptions, Listener, SecureBroker};
use user_metadata_testing::{Missing, Scratch};

use crate::fault::Fault;

/// The size in MiB of a broker's disk that is to be filled.
const DISK_MIB: u32 = 64;

/// The mechanism by which ws-server logs in, if required.
const MECHANISM: &str = "SCRAM-SHA-512";

/// The kinds of Kafka that faults need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Brokers(u32),
    /// Brokers on small disks.
    WithSmallDisks(u32),
    /// One broker that requires a login.
    WithLogin,
}

impl Kind {
    pub(crate) fn of(fault: Fault, brokers: u32) -> Self {
        match fault {
            Fault::BrokerDiskFull => Self::WithSmallDisks(brokers),
            Fault::Credentials => Self::WithLogin,
            _ => Self::Brokers(brokers),
        }
    }
}

/// The running Kafka, as a cluster in any case; its addresses require no login.
pub(crate) enum Kafka {
    Open(Cluster),
    WithLogin(Box<SecureBroker>),
}

impl Kafka {
    pub(crate) fn start(kind: Kind) -> Result<Self, Missing> {
        let cluster = |brokers, disk_mib| {
            let options = ClusterOptions {
                disk_mib,
                ..ClusterOptions::new(brokers)
            };
            Cluster::start(&options).map(Self::Open)
        };
        match kind {
            Kind::Brokers(brokers) => cluster(brokers, None),
            Kind::WithSmallDisks(brokers) => cluster(brokers, Some(DISK_MIB)),
            Kind::WithLogin => {
                SecureBroker::start().map(|broker| Self::WithLogin(Box::new(broker)))
            }
        }
    }

    /// The flags with its address and the login for ws-server; `scratch` keeps the password file.
    pub(crate) fn flags(&self, scratch: &Scratch) -> Vec<String> {
        match self {
            Self::Open(cluster) => vec!["--brokers".to_owned(), cluster.addresses()],
            Self::WithLogin(broker) => {
                let file = scratch.file("password");
                let written = std::fs::write(&file, SecureBroker::PASSWORD);
                assert!(written.is_ok(), "{file}: {written:?}");
                let flags = [
                    "--brokers",
                    &broker.address(Listener::SaslTls),
                    "--kafka-tls",
                    "--kafka-ca",
                    broker.authority().ca_file(),
                    "--kafka-sasl",
                    &MECHANISM.to_lowercase(),
                    "--kafka-username",
                    SecureBroker::USER,
                    "--kafka-password-file",
                    &file,
                ];
                flags.map(str::to_owned).to_vec()
            }
        }
    }

    /// Sets the password of ws-server's user, or resets it to the one that ws-server knows.
    /// Connections stay open.
    pub(crate) fn change_password(&self, password: Option<&str>) -> Result<(), Missing> {
        match self {
            Self::Open(_) => Ok(()),
            Self::WithLogin(broker) => {
                broker.change_password(MECHANISM, password.unwrap_or(SecureBroker::PASSWORD))
            }
        }
    }

    /// How many logins it has refused since it was last started.
    pub(crate) fn refused(&self) -> usize {
        match self {
            Self::Open(_) => 0,
            Self::WithLogin(broker) => broker.refused(),
        }
    }
}

impl Deref for Kafka {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        match self {
            Self::Open(cluster) => cluster,
            Self::WithLogin(broker) => broker.cluster(),
        }
    }
}

impl DerefMut for Kafka {
    fn deref_mut(&mut self) -> &mut Cluster {
        match self {
            Self::Open(cluster) => cluster,
            Self::WithLogin(broker) => broker.cluster_mut(),
        }
    }
}
