//! The parts of an event that have no column in a database.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use user_metadata_events::{Agent, ClientIp, IpSource, Screen, UserMetadataEvent};

/// The address that is stored in the column.
pub(crate) fn ip(event: &UserMetadataEvent) -> Option<&ClientIp> {
    let address = event.connection_info.ip_address.as_ref();
    event.metadata.ip.as_ref().or(address)
}

/// The parts of an event that have no column.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details<'a> {
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
    /// Only if the column takes addresses and this is not one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip: Option<&'a str>,
    /// Only if it differs from `metadata.ip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<&'a ClientIp>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    verified: bool,
    /// Keys that this version does not know, under the part of the event that has them.
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
const TAKEN: [&str; 8] = [
    "agent",
    "screen",
    "timezone",
    "claimedHints",
    "ipSource",
    "ip",
    "ipAddress",
    "event",
];

impl<'a> Details<'a> {
    pub(crate) fn of(event: &'a UserMetadataEvent) -> Self {
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
            ip: None,
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

    /// JSON, or `None` if it would be empty.
    pub(crate) fn to_json(&self) -> serde_json::Result<Option<String>> {
        let json = serde_json::to_string(self)?;
        Ok((json != "{}").then_some(json))
    }
}
