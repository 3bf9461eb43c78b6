//! Mixpanel, by `/import` with its strict answers.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;
use user_metadata_events::{UnixMillis, UserMetadataEvent};

use crate::http::{
    Answer, Entry, HttpSink, JOINED, Limits, Parts, Platform, Verdict, basic, compact, in_one_line,
    locatable, network,
};
use crate::secret::Secret;
use crate::url::HttpTarget;
use crate::{IpPrivacy, OpenError};

#[derive(Debug)]
pub(crate) struct Mixpanel {
    authorization: HeaderValue,
    ip: IpPrivacy,
}

/// A response of 400: the events that it does not name were accepted.
#[derive(Deserialize)]
struct Failed {
    failed_records: Vec<FailedRecord>,
}

#[derive(Deserialize)]
struct FailedRecord {
    index: usize,
    #[serde(default)]
    field: String,
    #[serde(default)]
    message: String,
}

/// The vendor truncates longer text, and half a User-Agent is misleading.
const LONGEST_TEXT: usize = 255;

impl Mixpanel {
    pub(crate) fn open(target: &HttpTarget) -> Result<HttpSink<Self>, OpenError> {
        let authorization = basic(&Secret::read(&target.secret)?);
        let ip = target.ip;
        HttpSink::open(target, "/import?strict=1", Self { authorization, ip })
    }
}

impl Platform for Mixpanel {
    /// 10 MB a request by now, 2 MB by older pages, uncompressed.
    const LIMITS: Limits = Limits {
        events: 2_000,
        bytes: 2_000_000,
        event_bytes: 1_000_000,
    };
    const GZIP: bool = true;

    fn encode(&self, event: &UserMetadataEvent, _now: UnixMillis) -> Result<Vec<u8>, String> {
        let metadata = &event.metadata;
        let parts = Parts::from(metadata);
        let agent = metadata.user_agent.as_ref();
        let event = json!({
            "event": JOINED,
            "properties": {
                "time": event.timestamp,
                "distinct_id": event.user_id,
                "$insert_id": event.id,
                // `0`: no location, not even that of this process.
                "ip": locatable(event, self.ip).as_deref().unwrap_or("0"),
                "network": network(event, self.ip),
                "username": event.username,
                "session_id": event.session_id,
                "client_id": event.connection_info.client_id,
                "$browser": parts.browser,
                "$browser_version": parts.browser_version,
                "$os": parts.os,
                "os_version": parts.os_version,
                "browser": metadata.browser,
                "os": metadata.os,
                "device": metadata.device,
                "$brand": parts.vendor,
                "$model": parts.model,
                "$screen_width": metadata.screen.as_ref().map(|screen| screen.width),
                "$screen_height": metadata.screen.as_ref().map(|screen| screen.height),
                "language": metadata.language,
                "timezone": metadata.timezone,
                "user_agent": agent.filter(|agent| agent.len() <= LONGEST_TEXT),
                "verified": event.verified,
            },
        });
        serde_json::to_vec(&compact(event)).map_err(|error| error.to_string())
    }

    fn envelope(&self) -> (&[u8], &[u8]) {
        (b"[", b"]")
    }

    fn authorize(&self, _body: &[u8], _now: UnixMillis, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.authorization.clone());
    }

    fn read(&self, answer: &Answer, _events: &[Entry<'_>]) -> Verdict {
        let failed = (answer.status == StatusCode::BAD_REQUEST).then(|| answer.json::<Failed>());
        match failed.flatten() {
            Some(Failed { failed_records }) if !failed_records.is_empty() => {
                let reason = |failed: FailedRecord| {
                    let said = format!("{}: {}", failed.field, failed.message);
                    (failed.index, format!("Mixpanel: {}", in_one_line(&said)))
                };
                Verdict::Except(failed_records.into_iter().map(reason).collect())
            }
            _ => Verdict::of(answer),
        }
    }
}
