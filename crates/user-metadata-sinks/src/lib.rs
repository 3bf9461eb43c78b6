#![doc = include_str!("../README.md")]

#[cfg(feature = "amplitude")]
mod amplitude;
mod builtin;
mod error;
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
#[cfg(any(feature = "file", feature = "stdout"))]
mod ndjson;
#[cfg(feature = "posthog")]
mod posthog;
#[cfg_attr(
    not(feature = "http"),
    allow(dead_code, reason = "the sinks that log in are not built in")
)]
mod secret;
#[cfg(feature = "segment")]
mod segment;
#[cfg(feature = "sqlite")]
mod sqlite;
mod url;
#[cfg(feature = "webhook-verify")]
pub mod webhook;
#[cfg(any(feature = "file", feature = "stdout", feature = "sqlite"))]
mod worker;

pub use builtin::BuiltinSink;
pub use error::{OpenError, ParseSinkError};
#[cfg(feature = "file")]
pub use file::{FileSink, Rotation};
pub use ip::{IpFilter, IpPrivacy};
#[cfg(feature = "stdout")]
pub use ndjson::NdjsonSink;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteSink;
pub use url::SinkUrl;
