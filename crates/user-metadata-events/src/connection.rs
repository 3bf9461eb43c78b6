use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ClientId, ClientIp, UnixMillis};

/// The connection that a user joined on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The connection's own id.
    pub client_id: ClientId,
    /// Where it came from; the same as `metadata.ip`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<ClientIp>,
    /// When the HTTP upgrade came.
    pub connection_time: UnixMillis,
    /// What the address was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_source: Option<IpSource>,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ConnectionInfo {
    /// A connection without an address; its time is the id's.
    #[must_use]
    pub fn new(client_id: ClientId) -> Self {
        Self {
            client_id,
            ip_address: None,
            connection_time: client_id.timestamp(),
            ip_source: None,
            extra: Map::new(),
        }
    }
}

/// What a client's address was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum IpSource {
    /// The socket's other end.
    Peer,
    /// `X-Forwarded-For`, set by a trusted proxy.
    XForwardedFor,
    /// `Forwarded` ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)), set by a trusted proxy.
    Forwarded,
    /// `X-Real-IP`, set by a trusted proxy.
    XRealIp,
    /// The PROXY protocol, spoken by a trusted proxy.
    ProxyProtocol,
    /// A source that this version does not know.
    #[serde(untagged)]
    Other(String),
}
