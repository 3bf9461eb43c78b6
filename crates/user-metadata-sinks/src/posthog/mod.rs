//! PostHog, in its cloud or self-hosted.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use user_metadata_events::{UnixMillis, UserMetadataEvent};

use crate::http::{
    Answer, Entry, HttpSink, JOINED, Limits, Parts, Platform, Uuid, Verdict, address, compact,
    locatable,
};
use crate::secret::Secret;
use crate::url::HttpTarget;
use crate::{IpPrivacy, OpenError};

#[derive(Debug)]
pub(crate) struct Posthog {
    /// The beginning of a request body; it holds the key.
    start: Secret,
    ip: IpPrivacy,
}

/// A response of 200. Events over the quota are not stored.
#[derive(Deserialize)]
struct Taken {
    #[serde(default)]
    quota_limited: Vec<String>,
}

/// How long to wait for the quota to be raised.
const OVER_QUOTA: Duration = Duration::from_secs(300);

impl Posthog {
    pub(crate) fn open(target: &HttpTarget) -> Result<HttpSink<Self>, OpenError> {
        let key = Secret::read(&target.secret)?;
        let start = format!(r#"{{"api_key":{},"batch":["#, json!(key.reveal())).into();
        let ip = target.ip;
        HttpSink::open(target, "/batch/", Self { start, ip })
    }
}

impl Platform for Posthog {
    /// 20 MB a batch by the server; the vendor's own clients stop at 5 MiB and 900 KiB an event.
    const LIMITS: Limits = Limits {
        events: 1_000,
        bytes: 5 << 20,
        event_bytes: 900 << 10,
    };

    fn encode(&self, event: &UserMetadataEvent, _now: UnixMillis) -> Result<Vec<u8>, String> {
        let metadata = &event.metadata;
        let parts = Parts::from(metadata);
        let event = json!({
            "event": JOINED,
            "uuid": Uuid(event.id).to_string(),
            "distinct_id": event.user_id,
            "timestamp": event.timestamp.to_string(),
            "properties": {
                "$ip": address(event),
                "$geoip_disable": locatable(event, self.ip).is_none(),
                "$browser": parts.browser,
                "$browser_version": parts.browser_version,
                "$os": parts.os,
                "$os_version": parts.os_version,
                "$device_type": metadata.device,
                "$device_manufacturer": parts.vendor,
                "$device_model": parts.model,
                "$browser_language": metadata.language,
                "$raw_user_agent": metadata.user_agent,
                "$timezone": metadata.timezone,
                "$screen_width": metadata.screen.as_ref().map(|screen| screen.width),
                "$screen_height": metadata.screen.as_ref().map(|screen| screen.height),
                "$lib": "user-metadata",
                "$lib_version": env!("CARGO_PKG_VERSION"),
                "browser": metadata.browser,
                "os": metadata.os,
                "session_id": event.session_id,
                "client_id": event.connection_info.client_id,
                "verified": event.verified,
                "$set": { "username": event.username },
            },
        });
        serde_json::to_vec(&compact(event)).map_err(|error| error.to_string())
    }

    fn envelope(&self) -> (&[u8], &[u8]) {
        (self.start.reveal().as_bytes(), b"]}")
    }

    fn read(&self, answer: &Answer, _events: &[Entry<'_>]) -> Verdict {
        let taken = answer.status.is_success().then(|| answer.json::<Taken>());
        match taken.flatten() {
            Some(taken) if !taken.quota_limited.is_empty() => Verdict::Unavailable {
                retry_after: Some(answer.retry_after.unwrap_or(OVER_QUOTA)),
                problem: "the project is over its quota".to_owned(),
            },
            _ => Verdict::of(answer),
        }
    }
}
