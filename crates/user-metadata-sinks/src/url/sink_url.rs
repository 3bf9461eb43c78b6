use std::path::PathBuf;
use std::str::FromStr;

use user_metadata_consumer::SinkError;

use super::file_target::FileTarget;
use super::http_target::HttpTarget;
use super::options::Options;
use super::percent;
use super::postgres::PostgresUrl;
use super::scheme::{Kind, Scheme};
use crate::check::check;
use crate::tables::Tables;
use crate::{BuiltinSink, IpPrivacy, OpenError, ParseSinkError};

/// A sink as it is given on a command line: `SCHEME:REST?OPTION=VALUE&…`.
///
/// Every sink takes `name` (lower-case letters, digits, dashes; default: the scheme) and `ip`
/// (`full`, `truncate` or `none`; see [`IpPrivacy`]). In the path and in values `%20` stands for a
/// space, `%3F` for a question mark and `%25` for a percent sign.
///
/// ```
/// use user_metadata_sinks::SinkUrl;
/// let sink: SinkUrl = "sqlite:/var/lib/users.sqlite?name=archive&ip=truncate".parse()?;
/// assert_eq!(sink.name(), "archive");
///
/// let error = "sqlite:users.sqlite?ip=half".parse::<SinkUrl>().unwrap_err();
/// assert_eq!(error.to_string(), "`sqlite:` option `ip` must be `full`, `truncate` or `none`");
/// # Ok::<(), user_metadata_sinks::ParseSinkError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkUrl {
    name: String,
    ip: IpPrivacy,
    target: Target,
}

/// Where a sink writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Stdout,
    Sqlite(PathBuf, Tables),
    Postgres(Box<PostgresUrl>),
    #[cfg(feature = "redis")]
    Redis(Box<crate::redis::RedisConfig>),
    #[cfg(not(feature = "redis"))]
    Redis,
    #[cfg(feature = "mongodb")]
    Mongo(Box<crate::mongodb::MongoConfig>),
    #[cfg(not(feature = "mongodb"))]
    Mongo,
    File(FileTarget),
    Webhook(HttpTarget),
    Segment(HttpTarget),
    Mixpanel(HttpTarget),
    Amplitude(HttpTarget),
    Posthog(HttpTarget),
    Ga4(HttpTarget),
}

impl SinkUrl {
    /// The sink's name: part of its consumer group, so with another one it reads everything again.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where Redis is, if it is that.
    #[cfg(feature = "redis")]
    pub(crate) fn redis(&self) -> Option<&crate::redis::RedisConfig> {
        match &self.target {
            Target::Redis(config) => Some(config),
            _ => None,
        }
    }

    /// Opens the sink, and creates its files. Blocks for some milliseconds; seconds, if another
    /// process locks the database.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the remedy. No port has to be bound to find out.
    pub fn open(&self) -> Result<BuiltinSink, OpenError> {
        BuiltinSink::open(&self.target, self.ip)
    }

    /// Connects to the target as a start would, but creates and changes nothing. Returns notes on a
    /// sink that can start, such as what a start would create or change.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`SinkError`]: why it could not start, or not yet.
    pub async fn check(&self) -> Result<Vec<String>, SinkError> {
        check(&self.target, self.ip).await
    }
}

impl FromStr for SinkUrl {
    type Err = ParseSinkError;

    fn from_str(text: &str) -> Result<Self, ParseSinkError> {
        let (scheme, rest) = Scheme::split(text)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut options = Options::parse(scheme, query)?;
        let name = options.take(
            "name",
            "must be lower-case letters, digits and dashes",
            name,
        )?;
        let ip = options.take("ip", "must be `full`, `truncate` or `none`", |value| {
            value.parse().ok()
        })?;
        let ip = ip.unwrap_or(scheme.ip);
        Ok(Self {
            name: name.unwrap_or_else(|| scheme.default_name().to_owned()),
            ip,
            target: target(scheme, path, ip, &mut options)?,
        })
    }
}

fn name(text: &str) -> Option<String> {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (!text.is_empty() && text.bytes().all(is_allowed)).then(|| text.to_owned())
}

fn target(
    scheme: &'static Scheme,
    path: &str,
    ip: IpPrivacy,
    options: &mut Options,
) -> Result<Target, ParseSinkError> {
    let wrong = |problem| ParseSinkError::Path {
        scheme: scheme.name,
        problem,
    };
    let http = match scheme.kind {
        Kind::Stdout if path.is_empty() => return Ok(Target::Stdout),
        Kind::Stdout => {
            return Err(wrong(
                "takes no path; write `stdout:`, and options after a `?`",
            ));
        }
        Kind::Sqlite => {
            let path = file(path).map_err(wrong)?;
            return Ok(Target::Sqlite(path, options.tables()?));
        }
        Kind::File => {
            let path = file(path).map_err(wrong)?;
            return FileTarget::parse(path, options).map(Target::File);
        }
        Kind::Postgres => {
            let url = PostgresUrl::read(path, options)?;
            return Ok(Target::Postgres(Box::new(url)));
        }
        #[cfg(feature = "redis")]
        Kind::Redis => {
            let config = crate::redis::RedisConfig::parse(scheme.name, path, options)?;
            return Ok(Target::Redis(Box::new(config)));
        }
        #[cfg(not(feature = "redis"))]
        Kind::Redis => return Ok(Target::Redis),
        #[cfg(feature = "mongodb")]
        Kind::Mongodb => {
            let config = crate::mongodb::MongoConfig::parse(path, options)?;
            return Ok(Target::Mongo(Box::new(config)));
        }
        #[cfg(not(feature = "mongodb"))]
        Kind::Mongodb => return Ok(Target::Mongo),
        Kind::Webhook => Target::Webhook,
        Kind::Segment => Target::Segment,
        Kind::Mixpanel => Target::Mixpanel,
        Kind::Amplitude => Target::Amplitude,
        Kind::Posthog => Target::Posthog,
        Kind::Ga4 => Target::Ga4,
    };
    HttpTarget::parse(scheme, path, ip, options).map(http)
}

/// `./relative`, `/absolute` or `///absolute`.
fn file(path: &str) -> Result<PathBuf, &'static str> {
    let path = match path.strip_prefix("//") {
        // The part between the second and the third slash is a host.
        Some(rest) if rest.starts_with('/') || rest.is_empty() => rest,
        Some(_) => {
            return Err(
                "takes a file of this host; write a relative path without slashes before it, or \
                 `///absolute/path`",
            );
        }
        None => path,
    };
    match percent::decode(path) {
        Some(path) if path.is_empty() => Err(
            "needs the path of a file, e.g. `./data/user-metadata.sqlite` or `./data/events.ndjson`",
        ),
        Some(path) if path.ends_with('/') => Err("needs the path of a file, not of a directory"),
        Some(path) => Ok(path.into()),
        None => Err("has a malformed `%` in its path; write `%25` for a percent sign"),
    }
}
