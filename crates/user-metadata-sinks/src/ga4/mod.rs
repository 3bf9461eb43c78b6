//! Google Analytics 4, by the Measurement Protocol.

use serde::Deserialize;
use serde_json::json;
use user_metadata_events::{UnixMillis, UserMetadataEvent};

use crate::http::{
    Answer, Endpoint, HttpSink, Limits, Platform, compact, cut, in_one_line, locatable,
};
use crate::secret::Secret;
use crate::url::HttpTarget;
use crate::{IpPrivacy, OpenError, SecretError};

#[derive(Debug)]
pub(crate) struct Ga4 {
    /// The vendor's validation endpoint: it says what is wrong with a request and stores nothing.
    validation: Endpoint,
    ip: IpPrivacy,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validated {
    #[serde(default)]
    validation_messages: Vec<ValidationMessage>,
}

#[derive(Deserialize)]
struct ValidationMessage {
    #[serde(default)]
    description: String,
}

/// Older events are not shown.
const OLDEST_MS: u64 = 72 * 3_600_000;
const LONGEST_PARAM: usize = 100;
const LONGEST_USER_PROPERTY: usize = 36;

impl Ga4 {
    pub(crate) fn open(target: &HttpTarget) -> Result<HttpSink<Self>, OpenError> {
        let secret = Secret::read(&target.secret)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        if !secret.reveal().bytes().all(is_plain) {
            return Err(SecretError::Form {
                path: target.secret.clone(),
                problem: "must be letters, digits, `-` and `_`, as Google shows it",
            }
            .into());
        }
        let query = format!(
            "/mp/collect?measurement_id={}&api_secret={}",
            target.id,
            secret.reveal()
        );
        let validation = Endpoint::new(&format!("{}/debug{query}", target.address.reveal()))?;
        let ip = target.ip;
        HttpSink::open(target, &query, Self { validation, ip })
    }
}

/// A request is about one user at one time, so it is one event.
impl Platform for Ga4 {
    const LIMITS: Limits = Limits {
        events: 1,
        bytes: 130_000,
        event_bytes: 130_000,
    };
    const IN_FLIGHT: usize = 8;

    /// Without the name, which the vendor forbids, and the User-Agent, which does not fit.
    fn encode(&self, event: &UserMetadataEvent, now: UnixMillis) -> Result<Vec<u8>, String> {
        if now.as_u64().saturating_sub(event.timestamp.as_u64()) > OLDEST_MS {
            return Err("older than 72 hours, which GA4 does not take".to_owned());
        }
        let metadata = &event.metadata;
        let param = |text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| cut(text, LONGEST_PARAM).to_owned())
        };
        let property = |text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| json!({ "value": cut(text, LONGEST_USER_PROPERTY) }))
        };
        let request = json!({
            // The user's and not the connection's, which would be a new visitor each time.
            "client_id": event.user_id,
            "user_id": event.user_id,
            "timestamp_micros": event.timestamp.as_u64() * 1_000,
            // Without it no location is derived.
            "ip_override": locatable(event, self.ip),
            "user_properties": {
                "browser": property(&metadata.browser),
                "os": property(&metadata.os),
                "device": property(&metadata.device),
            },
            "events": [{
                "name": "user_joined",
                "params": {
                    "event_id": event.id,
                    // A number, as the vendor wants it.
                    "session_id": (event.connection_info.connection_time.as_u64() / 1_000).to_string(),
                    // Without it the event is not in the reports.
                    "engagement_time_msec": 1,
                    "browser": param(&metadata.browser),
                    "os": param(&metadata.os),
                    "device": param(&metadata.device),
                    "language": param(&metadata.language),
                    "timezone": param(&metadata.timezone),
                },
            }],
        });
        serde_json::to_vec(&compact(request)).map_err(|error| error.to_string())
    }

    fn envelope(&self) -> (&[u8], &[u8]) {
        (b"", b"")
    }

    fn trial(&self) -> Option<(&Endpoint, Vec<u8>)> {
        let trial = json!({
            "client_id": "check",
            "validation_behavior": "ENFORCE_RECOMMENDATIONS",
            "events": [{
                "name": "user_joined",
                "params": { "session_id": "1", "engagement_time_msec": 1 },
            }],
        });
        Some((&self.validation, trial.to_string().into_bytes()))
    }

    fn read_trial(&self, answer: &Answer) -> Option<String> {
        let messages = answer.json::<Validated>()?.validation_messages;
        let said: Vec<_> = messages
            .into_iter()
            .map(|message| message.description)
            .collect();
        (!said.is_empty()).then(|| in_one_line(&said.join("; ")))
    }
}

#[cfg(test)]
mod tests;
