//! Amplitude, by its batch API.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use user_metadata_events::{UnixMillis, UserMetadataEvent};

use crate::http::{
    Answer, Entry, HttpSink, JOINED, Limits, Parts, Platform, Verdict, compact, cut, in_one_line,
    locatable, network,
};
use crate::secret::Secret;
use crate::url::HttpTarget;
use crate::{IpPrivacy, OpenError};

#[derive(Debug)]
pub(crate) struct Amplitude {
    /// The beginning of a request body; it holds the key.
    start: Secret,
    ip: IpPrivacy,
}

/// A response of 400 or 429: nothing was accepted, for these reasons.
#[derive(Deserialize)]
struct Failed {
    #[serde(default)]
    error: String,
    #[serde(default)]
    events_with_invalid_fields: BTreeMap<String, Vec<usize>>,
    #[serde(default)]
    events_with_missing_fields: BTreeMap<String, Vec<usize>>,
    #[serde(default)]
    events_with_invalid_id_lengths: BTreeMap<String, Vec<usize>>,
    #[serde(default)]
    silenced_events: Vec<usize>,
    #[serde(default)]
    exceeded_daily_quota_users: BTreeMap<String, serde_json::Value>,
}

/// The pause that the vendor asks for if users or devices send too fast.
const THROTTLED: Duration = Duration::from_secs(30);
const LONGEST_TEXT: usize = 1_024;

impl Amplitude {
    pub(crate) fn open(target: &HttpTarget) -> Result<HttpSink<Self>, OpenError> {
        let key = Secret::read(&target.secret)?;
        // By default, ids of fewer than 5 characters are dropped.
        let options = r#""options":{"min_id_length":1}"#;
        let start = format!(
            r#"{{"api_key":{},{options},"events":["#,
            json!(key.reveal())
        );
        let ip = target.ip;
        let start = start.into();
        HttpSink::open(target, "/batch", Self { start, ip })
    }
}

impl Platform for Amplitude {
    const LIMITS: Limits = Limits {
        events: 2_000,
        bytes: 20_000_000,
        event_bytes: 1_000_000,
    };

    fn encode(&self, event: &UserMetadataEvent, _now: UnixMillis) -> Result<Vec<u8>, String> {
        let metadata = &event.metadata;
        let parts = Parts::from(metadata);
        let agent = metadata.user_agent.as_deref();
        let event = json!({
            "event_type": JOINED,
            "insert_id": event.id,
            "time": event.timestamp,
            "user_id": event.user_id,
            "device_id": event.connection_info.client_id,
            // Without it no location is derived.
            "ip": locatable(event, self.ip),
            "platform": metadata.device,
            "os_name": parts.os,
            "os_version": parts.os_version,
            "device_manufacturer": parts.vendor,
            "device_model": parts.model,
            "language": metadata.language,
            "event_properties": {
                "session_id": event.session_id,
                "client_id": event.connection_info.client_id,
                "browser": metadata.browser,
                "os": metadata.os,
                "device": metadata.device,
                "network": network(event, self.ip),
                "user_agent": agent.map(|agent| cut(agent, LONGEST_TEXT)),
                "timezone": metadata.timezone,
                "screen_width": metadata.screen.as_ref().map(|screen| screen.width),
                "screen_height": metadata.screen.as_ref().map(|screen| screen.height),
                "verified": event.verified,
            },
            "user_properties": { "username": event.username },
        });
        serde_json::to_vec(&compact(event)).map_err(|error| error.to_string())
    }

    fn envelope(&self) -> (&[u8], &[u8]) {
        (self.start.reveal().as_bytes(), b"]}")
    }

    fn read(&self, answer: &Answer, events: &[Entry<'_>]) -> Verdict {
        let Some(failed) = answer.json::<Failed>() else {
            return Verdict::of(answer);
        };
        match answer.status {
            StatusCode::BAD_REQUEST if failed.error.starts_with("Invalid API key") => {
                Verdict::Refused
            }
            StatusCode::BAD_REQUEST => match failed.rejected() {
                rejected if rejected.is_empty() => Verdict::Split,
                rejected => Verdict::Without(rejected),
            },
            StatusCode::TOO_MANY_REQUESTS => match failed.over_quota(events) {
                rejected if rejected.is_empty() => Verdict::Unavailable {
                    retry_after: Some(answer.retry_after.unwrap_or(THROTTLED)),
                    problem: format!("it answers {}", answer.status),
                },
                rejected => Verdict::Without(rejected),
            },
            _ => Verdict::of(answer),
        }
    }
}

impl Failed {
    fn rejected(self) -> Vec<(usize, String)> {
        let kinds = [
            ("invalid", self.events_with_invalid_fields),
            ("missing", self.events_with_missing_fields),
            ("of a wrong length", self.events_with_invalid_id_lengths),
        ];
        let fields = kinds.into_iter().flat_map(|(kind, fields)| {
            fields.into_iter().flat_map(move |(field, places)| {
                let reason = format!("Amplitude: `{}` is {kind}", in_one_line(&field));
                places.into_iter().map(move |place| (place, reason.clone()))
            })
        });
        let silenced = self.silenced_events.into_iter();
        let reason = "Amplitude: its device is silenced";
        fields
            .chain(silenced.map(|place| (place, reason.to_owned())))
            .collect()
    }

    /// Events of users over their daily quota: they would delay the others until tomorrow.
    fn over_quota(&self, events: &[Entry<'_>]) -> Vec<(usize, String)> {
        let users = &self.exceeded_daily_quota_users;
        let places = events.iter().enumerate();
        places
            .filter(|(_, entry)| users.contains_key(&entry.event.user_id))
            .map(|(place, _)| {
                (
                    place,
                    "Amplitude: the user's daily quota is used up".to_owned(),
                )
            })
            .collect()
    }
}
