//! The latest metadata of each user, and who is online with which device, in Redis.

mod before;
mod config;
mod error;
mod keys;
mod link;
mod presence;
mod recent;
mod row;
mod sink;
#[cfg(test)]
mod tests;
mod transaction;

pub(crate) use config::RedisConfig;
pub use presence::{Facet, Latest, Online, Presence, PresenceError};
pub use sink::RedisSink;
