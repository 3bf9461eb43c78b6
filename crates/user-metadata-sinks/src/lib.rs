#![doc = include_str!("../README.md")]

#[cfg(feature = "amplitude")]
mod amplitude;
mod builtin;
mod check;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod details;
mod error;
#[cfg(any(feature = "redis", feature = "mongodb"))]
mod fence;
#[cfg(feature = "file")]
mod file;
#[cfg(any(feature = "file", feature = "sqlite"))]
mod files;
#[cfg(feature = "ga4")]
mod ga4;
#[cfg(feature = "http")]
mod http;
mod ip;
#[cfg(feature = "mixpanel")]
mod mixpanel;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(any(feature = "file", feature = "stdout"))]
mod ndjson;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "posthog")]
mod posthog;
#[cfg(feature = "redis")]
mod redis;
#[cfg_attr(
    not(any(
        test,
        feature = "postgres",
        feature = "redis",
        feature = "mongodb",
        feature = "http"
    )),
    expect(dead_code, reason = "no sink of this build logs in")
)]
mod secret;
#[cfg(feature = "segment")]
mod segment;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tables;
#[cfg(any(
    feature = "sqlite",
    feature = "postgres",
    feature = "redis",
    feature = "mongodb"
))]
mod times;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod totals;
#[cfg(any(feature = "postgres", feature = "http"))]
mod trust;
mod url;
#[cfg(feature = "webhook-verify")]
pub mod webhook;
#[cfg(any(feature = "file", feature = "stdout", feature = "sqlite"))]
mod worker;

#[cfg(feature = "mongodb")]
pub use crate::mongodb::MongoSink;
#[cfg(feature = "redis")]
pub use crate::redis::{Facet, Latest, Online, Presence, PresenceError, RedisSink};
pub use builtin::BuiltinSink;
pub use error::{FileError, OpenError, ParseSinkError, SecretError, TrustError};
#[cfg(feature = "file")]
pub use file::{FileSink, Rotation};
pub use ip::{IpFilter, IpPrivacy, ParseIpPrivacyError};
#[cfg(feature = "stdout")]
pub use ndjson::NdjsonSink;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteSink;
pub use url::SinkUrl;
