#![doc = include_str!("../README.md")]

mod builtin;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod details;
mod error;
#[cfg(any(feature = "redis", feature = "mongodb"))]
mod fence;
mod ip;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "stdout")]
mod ndjson;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg_attr(
    not(any(test, feature = "postgres", feature = "redis", feature = "mongodb")),
    expect(dead_code, reason = "no sink of this build logs in")
)]
mod secret;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tables;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod totals;
mod url;
#[cfg(any(feature = "stdout", feature = "sqlite"))]
mod worker;

#[cfg(feature = "mongodb")]
pub use crate::mongodb::MongoSink;
#[cfg(feature = "redis")]
pub use crate::redis::{Facet, Latest, Online, Presence, PresenceError, RedisSink};
pub use builtin::BuiltinSink;
pub use error::{OpenError, ParseSinkError};
pub use ip::{IpFilter, IpPrivacy};
#[cfg(feature = "stdout")]
pub use ndjson::NdjsonSink;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteSink;
pub use url::SinkUrl;
