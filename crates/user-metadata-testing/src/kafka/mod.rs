//! A real Apache Kafka from its published jars, and other people's clients to look at it with.

mod broker;
mod jars;
mod ready;
mod shared;
mod tools;

pub use broker::Broker;
pub use shared::shared;
pub use tools::{console_consume, java_partitions, kcat, partitions, records};
