use rusqlite::{CachedStatement, params};
use user_metadata_events::{ClientId, ClientIp, EventId, UnixMillis, UserMetadataEvent};

use crate::details::{self, Details};

/// A row of `events`, owned: it is sent to another thread.
pub(super) struct Row {
    pub(super) id: EventId,
    pub(super) user_id: String,
    pub(super) username: String,
    pub(super) session_id: String,
    pub(super) timestamp: UnixMillis,
    connection_time: UnixMillis,
    client_id: ClientId,
    pub(super) ip: Option<String>,
    user_agent: Option<String>,
    pub(super) browser: Option<String>,
    pub(super) os: Option<String>,
    pub(super) device: Option<String>,
    pub(super) language: Option<String>,
    details: Option<String>,
}

impl Row {
    /// An existing row stays as it is.
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
            ip: details::ip(event).map(ClientIp::to_string),
            user_agent: metadata.user_agent.clone(),
            browser: metadata.browser.clone(),
            os: metadata.os.clone(),
            device: metadata.device.clone(),
            language: metadata.language.clone(),
            details: Details::of(event).to_json()?,
        })
    }

    /// Orders rows by time, the same way for every writer.
    pub(super) fn key(&self) -> (UnixMillis, EventId) {
        (self.timestamp, self.id)
    }

    /// Runs [`INSERT`](Self::INSERT); returns whether the row is new.
    pub(super) fn insert(&self, statement: &mut CachedStatement<'_>) -> rusqlite::Result<bool> {
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
        inserted.map(|rows| rows > 0)
    }
}
