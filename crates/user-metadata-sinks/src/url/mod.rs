//! A sink as it is given on a command line.

mod file_target;
mod http_target;
mod options;
mod percent;
mod postgres;
mod scheme;
mod sink_url;

#[cfg_attr(
    not(feature = "file"),
    expect(unused_imports, reason = "it is opened there")
)]
pub(crate) use file_target::FileTarget;
#[cfg_attr(
    not(feature = "http"),
    expect(unused_imports, reason = "it is opened there")
)]
pub(crate) use http_target::HttpTarget;
#[cfg(any(feature = "redis", feature = "mongodb"))]
pub(crate) use options::Options;
#[cfg(feature = "postgres")]
pub(crate) use postgres::{Keep, PostgresUrl, SslMode};
#[cfg(feature = "mongodb")]
pub(crate) use scheme::OF_THE_MONGODB_DRIVER;
pub use sink_url::SinkUrl;
pub(crate) use sink_url::Target;
