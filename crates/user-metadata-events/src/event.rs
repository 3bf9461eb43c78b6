use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ConnectionInfo, EventId, Metadata, UnixMillis, User};

/// One user joined from one connection.
///
/// Fields are only ever added. Keys that this version does not know are kept in the `extra` maps
/// and written back, so that nothing is lost on the way through an older program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct UserMetadataEvent {
    /// Made once, before queueing: the key by which every reader deduplicates.
    pub id: EventId,
    /// The service's id of the user; the record's key.
    pub user_id: String,
    /// The name to show.
    pub username: String,
    /// The service's session id, or the connection's id.
    pub session_id: String,
    /// When the user joined.
    pub timestamp: UnixMillis,
    /// What the user joined from.
    pub metadata: Metadata,
    /// The connection that the user joined on.
    pub connection_info: ConnectionInfo,
    /// The identity came from a token that was checked; otherwise the client claims it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// Keys of a newer version, kept as they came.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl UserMetadataEvent {
    /// The event of `user` joining at the time of `id`.
    ///
    /// ```
    /// use user_metadata_events::*;
    /// let upgrade = UnixMillis::new(1_763_855_999_120).unwrap();
    /// let join = UnixMillis::new(1_763_856_000_000).unwrap();
    /// let connection = ConnectionInfo::new(ClientId::new(upgrade));
    /// let john = User::new("user-123", "John", None).unwrap();
    /// let event = UserMetadataEvent::new(EventId::new(join), john, Metadata::default(), connection);
    /// assert_eq!(event.timestamp, join);
    /// assert_eq!(event.session_id, event.connection_info.client_id.to_string());
    /// ```
    #[must_use]
    pub fn new(id: EventId, user: User, metadata: Metadata, connection: ConnectionInfo) -> Self {
        let (user_id, username, session_id) = user.into_parts();
        Self {
            id,
            user_id,
            username,
            session_id: session_id.unwrap_or_else(|| connection.client_id.to_string()),
            timestamp: id.timestamp(),
            metadata,
            connection_info: connection,
            verified: false,
            extra: Map::new(),
        }
    }
}
