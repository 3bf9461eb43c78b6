//! A sink as it is given on a command line.

mod options;
mod percent;
mod postgres;
mod scheme;
mod sink_url;

#[cfg(any(feature = "redis", feature = "mongodb"))]
pub(crate) use options::Options;
#[cfg(feature = "postgres")]
pub(crate) use postgres::{PostgresUrl, SslMode};
pub use sink_url::SinkUrl;
pub(crate) use sink_url::Target;
