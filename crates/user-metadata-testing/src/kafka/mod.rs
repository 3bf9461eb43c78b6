//! A real Apache Kafka from its published jars, and other people's clients to look at it with.

mod broker;
mod jars;
mod ready;
#[cfg(feature = "secure")]
mod secure;
mod shared;
mod tools;

pub use broker::Broker;
#[cfg(feature = "secure")]
pub use secure::{Authority, Listener, SecureBroker};
pub use shared::shared;
pub use tools::{console_consume, java_partitions, kcat, partitions, records};
