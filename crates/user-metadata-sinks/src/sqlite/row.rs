use std::collections::BTreeMap;

use rusqlite::{CachedStatement, params};
use serde::Serialize;
use serde_json::{Map, Value};
use user_metadata_events::{
    Agent, ClientId, ClientIp, EventId, IpSource, Screen, UnixMillis, UserMetadataEvent,
};

/// A row of `events`, owned: it goes to another thread.
pub(super) struct Row {
    id: EventId,
    user_id: String,
    username: String,
    session_id: String,
    timestamp: UnixMillis,
    connection_time: UnixMillis,
    client_id: ClientId,
    ip: Option<String>,
    user_agent: Option<String>,
    browser: Option<String>,
    os: Option<String>,
    device: Option<String>,
    language: Option<String>,
    details: Option<String>,
}

impl Row {
    /// A row that is there already stays as it is.
    pub(super) const INSERT: &str = "INSERT INTO events
        (id, user_id, username, session_id, timestamp, connection_time, client_id, ip, user_agent,
         browser, os, device, language, details)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        ON CONFLICT (id) DO NOTHING";

    pub(super) fn new(event: &UserMetadataEvent) -> serde_json::Result<Self> {
        let connection = &event.connection_info;
        let metadata = &event.metadata;
        Ok(Self {
            id: event.id,
            user_id: event.user_id.clone(),
            username: event.username.clone(),
            session_id: event.session_id.clone(),
            timestamp: event.timestamp,
            connection_time: connection.connection_time,
            client_id: connection.client_id,
            ip: ip(event).map(ClientIp::to_string),
            user_agent: metadata.user_agent.clone(),
            browser: metadata.browser.clone(),
            os: metadata.os.clone(),
            device: metadata.device.clone(),
            language: metadata.language.clone(),
            details: Details::of(event).to_json()?,
        })
    }

    /// Runs [`INSERT`](Self::INSERT).
    pub(super) fn insert(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<()> {
        let inserted = statement.execute(params![
            self.id.to_string(),
            self.user_id,
            self.username,
            self.session_id,
            self.timestamp.as_i64(),
            self.connection_time.as_i64(),
            self.client_id.to_string(),
            self.ip,
            self.user_agent,
            self.browser,
            self.os,
            self.device,
            self.language,
            self.details,
        ]);
        inserted.map(drop)
    }
}

fn ip(event: &UserMetadataEvent) -> Option<&ClientIp> {
    let address = event.connection_info.ip_address.as_ref();
    event.metadata.ip.as_ref().or(address)
}

/// What of an event has no column.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a Agent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    screen: Option<&'a Screen>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    claimed_hints: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_source: Option<&'a IpSource>,
    /// Only where it is not the same as `metadata.ip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<&'a ClientIp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    verified: bool,
    /// Keys that this version does not know, where the event has them.
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    connection_info: &'a Map<String, Value>,
    #[serde(flatten)]
    unknown: BTreeMap<&'a str, &'a Value>,
    /// Unknown keys of the event itself that would be taken for one of the above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    event: BTreeMap<&'a str, &'a Value>,
}

/// The keys of [`Details`] that an event may have as unknown ones.
const TAKEN: [&str; 7] = [
    "agent",
    "screen",
    "timezone",
    "claimedHints",
    "ipSource",
    "ipAddress",
    "event",
];

impl<'a> Details<'a> {
    fn of(event: &'a UserMetadataEvent) -> Self {
        let metadata = &event.metadata;
        let connection = &event.connection_info;
        let unknown = event.extra.iter().map(|(key, value)| (key.as_str(), value));
        let (taken, unknown) = unknown.partition(|(key, _)| TAKEN.contains(key));
        Self {
            agent: metadata.agent.as_ref(),
            screen: metadata.screen.as_ref(),
            timezone: metadata.timezone.as_deref(),
            claimed_hints: metadata.claimed_hints,
            ip_source: connection.ip_source.as_ref(),
            ip_address: connection
                .ip_address
                .as_ref()
                .filter(|address| ip(event) != Some(address)),
            verified: event.verified,
            metadata: &metadata.extra,
            connection_info: &connection.extra,
            unknown,
            event: taken,
        }
    }

    /// JSON, or nothing where there is nothing in it.
    fn to_json(&self) -> serde_json::Result<Option<String>> {
        let json = serde_json::to_string(self)?;
        Ok((json != "{}").then_some(json))
    }
}
