//! Segment, and services with its tracking API: RudderStack, Jitsu.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use user_metadata_events::{UnixMillis, UserMetadataEvent};

use crate::OpenError;
use crate::http::{HttpSink, JOINED, Limits, Parts, Platform, address, basic, compact};
use crate::secret::Secret;
use crate::url::HttpTarget;

#[derive(Debug)]
pub(crate) struct Segment {
    /// `Basic …`, marked as sensitive.
    authorization: HeaderValue,
}

impl Segment {
    pub(crate) fn open(target: &HttpTarget) -> Result<HttpSink<Self>, OpenError> {
        let authorization = basic(&Secret::read(&target.secret)?);
        HttpSink::open(target, "/v1/batch", Self { authorization })
    }
}

impl Platform for Segment {
    /// 500 KB a batch, 32 KB an event; the vendor's own clients stop at 475,000.
    const LIMITS: Limits = Limits {
        events: 1_000,
        bytes: 475_000,
        event_bytes: 32_000,
    };

    fn encode(&self, event: &UserMetadataEvent, _now: UnixMillis) -> Result<Vec<u8>, String> {
        let metadata = &event.metadata;
        let parts = Parts::from(metadata);
        let track = json!({
            "type": "track",
            "event": JOINED,
            "messageId": event.id,
            "userId": event.user_id,
            "anonymousId": event.connection_info.client_id,
            "timestamp": event.timestamp.to_string(),
            "properties": {
                "sessionId": event.session_id,
                "browser": metadata.browser,
                "os": metadata.os,
                "device": metadata.device,
                "verified": event.verified,
            },
            "context": {
                "ip": address(event),
                "userAgent": metadata.user_agent,
                "locale": metadata.language,
                "timezone": metadata.timezone,
                "os": { "name": parts.os, "version": parts.os_version },
                "device": {
                    "type": metadata.device,
                    "manufacturer": parts.vendor,
                    "model": parts.model,
                },
                "screen": metadata.screen.as_ref().map(|screen| json!({
                    "width": screen.width,
                    "height": screen.height,
                    "density": screen.pixel_ratio,
                })),
                "traits": { "username": event.username },
                "library": { "name": "user-metadata", "version": env!("CARGO_PKG_VERSION") },
            },
        });
        serde_json::to_vec(&compact(track)).map_err(|error| error.to_string())
    }

    fn envelope(&self) -> (&[u8], &[u8]) {
        (br#"{"batch":["#, b"]}")
    }

    fn authorize(&self, _body: &[u8], _now: UnixMillis, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.authorization.clone());
    }
}
