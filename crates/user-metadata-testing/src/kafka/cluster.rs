use std::ops::{Index, IndexMut};

use super::node::{Node, voters};
use super::{Broker, Properties};
use crate::disk::SmallDisk;
use crate::missing::Missing;

/// How a [`Cluster`] is made.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// How many brokers.
    pub brokers: u32,
    /// The size of a small disk for each of them; `None`: no disk of its own.
    pub disk_mib: Option<u32>,
    /// Properties of all brokers, in addition to the defaults.
    pub properties: Properties,
}

impl ClusterOptions {
    /// A cluster of this many brokers.
    #[must_use]
    pub fn new(brokers: u32) -> Self {
        Self {
            brokers,
            disk_mib: None,
            properties: Properties::default(),
        }
    }
}

/// The brokers of one cluster, each of which is also a controller. A topic's replication factor is
/// the number of brokers, at most 3, and of 3 replicas 2 must be in sync, unless the properties say
/// otherwise. The broker at index 0 has node id 1.
#[derive(Debug)]
pub struct Cluster(Vec<Broker>);

impl Cluster {
    /// Starts a cluster and waits until all its brokers know each other.
    ///
    /// # Errors
    ///
    /// [`Missing`] as with [`Broker::start`] and [`SmallDisk::new`].
    pub fn start(options: &ClusterOptions) -> Result<Self, Missing> {
        let nodes = (1..=options.brokers).map(|id| match options.disk_mib {
            Some(mib) => SmallDisk::new(mib).map(|disk| Node::new(id).on(disk)),
            None => Ok(Node::new(id)),
        });
        let nodes: Vec<Node> = nodes.collect::<Result<_, _>>()?;
        let voters = voters(&nodes);
        let common = common(options.brokers).replaced_by(&options.properties);
        let brokers = nodes.into_iter().map(|node| {
            let properties = node.properties(&voters).replaced_by(&common);
            Broker::new(node, &properties)
        });
        let mut cluster = Self(brokers.collect::<Result<_, _>>()?);
        for broker in &mut cluster.0 {
            broker.begin_format();
        }
        for broker in &mut cluster.0 {
            broker.wait_until_formatted();
        }
        cluster.restart_dead();
        Ok(cluster)
    }

    /// Starts the brokers that don't run, all at once, and waits until they know all others.
    pub fn restart_dead(&mut self) {
        for broker in &mut self.0 {
            if !broker.is_running() {
                broker.begin_restart();
            }
        }
        let all = u32::try_from(self.size()).unwrap_or(u32::MAX);
        for broker in &mut self.0 {
            broker.wait_until_it_knows(all);
        }
    }

    /// The value for `--brokers`.
    #[must_use]
    pub fn addresses(&self) -> String {
        let addresses = self.0.iter().map(Broker::address);
        addresses.collect::<Vec<_>>().join(",")
    }

    /// How many brokers there are, running or not.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// All brokers.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Broker> {
        self.0.iter_mut()
    }
}

/// A cluster of one.
#[cfg(feature = "secure")]
impl From<Broker> for Cluster {
    fn from(broker: Broker) -> Self {
        Self(vec![broker])
    }
}

impl Index<usize> for Cluster {
    type Output = Broker;

    fn index(&self, index: usize) -> &Broker {
        &self.0[index]
    }
}

impl IndexMut<usize> for Cluster {
    fn index_mut(&mut self, index: usize) -> &mut Broker {
        &mut self.0[index]
    }
}

fn common(brokers: u32) -> Properties {
    let copies = brokers.min(3);
    let in_sync = copies.div_ceil(2);
    Properties::default()
        .with("default.replication.factor", copies)
        .with("offsets.topic.replication.factor", copies)
        .with("transaction.state.log.replication.factor", copies)
        .with("transaction.state.log.min.isr", in_sync)
        .with("min.insync.replicas", in_sync)
        // A replica that lags is out of sync after 3 s; 30 s by default.
        .with("replica.lag.time.max.ms", 3000)
}
