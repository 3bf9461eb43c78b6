#![doc = include_str!("../README.md")]

mod builtin;
mod error;
mod ip;
#[cfg(feature = "stdout")]
mod ndjson;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the sinks that log in come next")
)]
mod secret;
#[cfg(feature = "sqlite")]
mod sqlite;
mod url;
#[cfg(any(feature = "stdout", feature = "sqlite"))]
mod worker;

pub use builtin::BuiltinSink;
pub use error::{OpenError, ParseSinkError};
pub use ip::{IpFilter, IpPrivacy};
#[cfg(feature = "stdout")]
pub use ndjson::NdjsonSink;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteSink;
pub use url::SinkUrl;
