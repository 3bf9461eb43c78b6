use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};
use std::{fmt, iter};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Pipeline, RedisError};
use user_metadata_consumer::BoxError;
use user_metadata_events::UnixMillis;

use super::config::RedisConfig;
use super::keys::Keys;
use super::row::Row;
use crate::{OpenError, ParseSinkError, SinkUrl};

/// A page is waiting: no answer is better than a late one.
const PATIENCE: Duration = Duration::from_millis(500);

/// The devices that events name.
const DEVICES: [&str; 9] = [
    "Desktop", "Mobile", "Tablet", "TV", "Console", "Wearable", "Car", "XR", "Bot",
];

/// Asks Redis what a [`RedisSink`](crate::RedisSink) has stored there: cheap enough for every page
/// view.
///
/// Clones share one connection, which many tasks may use at a time. A query takes half a second at
/// most; a broken connection is reopened.
#[derive(Clone)]
pub struct Presence {
    connection: ConnectionManager,
    keys: Keys,
}

/// The latest join of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latest {
    /// The name to show.
    pub username: String,
    /// The service's session id, or the connection's id.
    pub session_id: String,
    /// When the user joined.
    pub timestamp: UnixMillis,
    /// As in the event: `Chrome 120.0`.
    pub browser: Option<String>,
    /// As in the event: `macOS 14.2`.
    pub os: Option<String>,
    /// As in the event: `Mobile`.
    pub device: Option<String>,
    /// As in the event: the `Accept-Language` header.
    pub language: Option<String>,
    /// As much of the address as the sink gets.
    pub ip: Option<String>,
}

/// How many users joined recently, and with which devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Online {
    /// Each user once.
    pub users: u64,
    /// By device; a user who joined with two counts in each.
    pub devices: BTreeMap<String, u64>,
}

/// What users are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Facet {
    /// `Desktop`, `Mobile`, …
    Device,
    /// The browser without its version: `Chrome`.
    Browser,
    /// The operating system without its version: `macOS`.
    Os,
}

/// Why a query failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceError {
    /// The URL is invalid.
    #[error(transparent)]
    Url(#[from] ParseSinkError),
    /// The URL is not of a Redis sink.
    #[error("the URL must be the sink's, `redis:` or `rediss:`")]
    OtherSink,
    /// A file that the URL names can't be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Redis does not answer, or refuses.
    #[error("Redis did not answer")]
    Redis(#[source] BoxError),
}

impl From<RedisError> for PresenceError {
    fn from(error: RedisError) -> Self {
        Self::Redis(error.into())
    }
}

impl Presence {
    /// Connects to the Redis of a sink: `url` is the sink's own, with its options.
    ///
    /// # Errors
    ///
    /// [`PresenceError`]: the URL is wrong, or Redis can't be reached within seconds.
    pub async fn connect(url: &str) -> Result<Self, PresenceError> {
        let url: SinkUrl = url.parse()?;
        let config: &RedisConfig = url.redis().ok_or(PresenceError::OtherSink)?;
        let settings = ConnectionManagerConfig::new()
            .set_number_of_retries(2)
            .set_max_delay(Duration::from_secs(1))
            .set_connection_timeout(Some(2 * PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        Ok(Self {
            connection: ConnectionManager::new_with_config(config.client()?, settings).await?,
            keys: config.keys.clone(),
        })
    }

    /// The latest join of `user_id`; `None` for a user who has not joined for longer than the sink's
    /// `ttl`.
    ///
    /// # Errors
    ///
    /// [`PresenceError::Redis`].
    pub async fn latest(&self, user_id: &str) -> Result<Option<Latest>, PresenceError> {
        let mut read = redis::cmd("HMGET");
        let names: Vec<_> = iter::once("timestamp").chain(Row::FIELDS).collect();
        read.arg(self.keys.user(user_id)).arg(&names);
        let fields: Vec<Option<String>> = read.query_async(&mut self.connection.clone()).await?;
        let mut fields: HashMap<_, _> = names.into_iter().zip(fields).collect();
        let mut take = |name| {
            let text = fields.remove(name).flatten();
            text.filter(|text| !text.is_empty())
        };
        let timestamp = take("timestamp").and_then(|text| text.parse().ok());
        let Some(timestamp) = timestamp.and_then(UnixMillis::new) else {
            return Ok(None);
        };
        Ok(Some(Latest {
            timestamp,
            username: take("username").unwrap_or_default(),
            session_id: take("session").unwrap_or_default(),
            browser: take("browser"),
            os: take("os"),
            device: take("device"),
            language: take("language"),
            ip: take("ip"),
        }))
    }

    /// How many users joined within the last `window`, at most the sink's own, and from which
    /// devices. One round trip.
    ///
    /// # Errors
    ///
    /// [`PresenceError::Redis`].
    pub async fn online(&self, window: Duration) -> Result<Online, PresenceError> {
        let devices = DEVICES.map(|device| format!("d:{device}"));
        let mut facets = vec!["all".to_owned()];
        facets.extend(devices);
        let mut counts = self.count(&facets, window).await?.into_iter();
        let users = counts.next().unwrap_or_default();
        let devices = DEVICES.iter().map(ToString::to_string).zip(counts);
        Ok(Online {
            users,
            devices: devices.filter(|(_, count)| *count > 0).collect(),
        })
    }

    /// Users by what they joined with within the last `window`, at most the sink's own. Two round trips.
    ///
    /// # Errors
    ///
    /// [`PresenceError::Redis`].
    pub async fn online_from(
        &self,
        facet: Facet,
        window: Duration,
    ) -> Result<BTreeMap<String, u64>, PresenceError> {
        let kind = match facet {
            Facet::Device => "d:",
            Facet::Browser => "b:",
            Facet::Os => "o:",
        };
        let mut names = redis::cmd("ZRANGEBYSCORE");
        names.arg(self.keys.names()).arg(since(window)).arg("+inf");
        let names: Vec<String> = names.query_async(&mut self.connection.clone()).await?;
        let facets: Vec<_> = names
            .into_iter()
            .filter(|name| name.starts_with(kind))
            .collect();
        let counts = self.count(&facets, window).await?;
        let names = facets.iter().filter_map(|facet| facet.strip_prefix(kind));
        let counts = names.map(str::to_owned).zip(counts);
        Ok(counts.filter(|(_, count)| *count > 0).collect())
    }

    /// How often users joined on the day (UTC) of `at`: `all`, `d:Mobile`, `b:Chrome`, `o:macOS`.
    ///
    /// # Errors
    ///
    /// [`PresenceError::Redis`].
    pub async fn day(&self, at: UnixMillis) -> Result<BTreeMap<String, u64>, PresenceError> {
        let mut read = redis::cmd("HGETALL");
        read.arg(self.keys.day(at));
        Ok(read.query_async(&mut self.connection.clone()).await?)
    }

    async fn count(&self, facets: &[String], window: Duration) -> Result<Vec<u64>, RedisError> {
        if facets.is_empty() {
            return Ok(Vec::new());
        }
        let since = since(window);
        let mut counts = Pipeline::with_capacity(facets.len());
        for facet in facets {
            let count = counts.cmd("ZCOUNT").arg(self.keys.online(facet));
            count.arg(since).arg("+inf");
        }
        counts.query_async(&mut self.connection.clone()).await
    }
}

fn since(window: Duration) -> u64 {
    let now = UnixMillis::from(SystemTime::now()).as_u64();
    now.saturating_sub(u64::try_from(window.as_millis()).unwrap_or(u64::MAX))
}

/// The connection holds a password.
impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").finish_non_exhaustive()
    }
}
