//! A real Apache Kafka from its published jars, and independent clients to inspect it with.

mod broker;
mod cluster;
mod impostor;
mod jars;
mod node;
mod properties;
mod ready;
#[cfg(feature = "secure")]
mod secure;
mod shared;
mod tools;
mod topics;

pub use broker::Broker;
pub use cluster::{Cluster, ClusterOptions};
pub use impostor::{Answer, Impostor};
pub use properties::Properties;
#[cfg(feature = "secure")]
pub use secure::{Authority, Listener, SecureBroker};
pub use shared::shared;
pub use tools::{console_consume, java_partitions, kcat, partitions, records};
pub use topics::{
    PartitionState, add_partitions, create_topic, delete_topic, move_leaders, set_topic, topic,
};
