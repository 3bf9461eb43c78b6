use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use user_metadata_events::{EVENT_TYPE, MAX_EVENT_BYTES, UnixMillis, UserMetadataEvent};

use super::sign::{ID, Key, SIGNATURE, TIMESTAMP};
use crate::http::{HttpSink, Limits, Platform};
use crate::secret::Secret;
use crate::url::HttpTarget;
use crate::{OpenError, SecretError};

/// A service of one's own: `{"type":"user-metadata.joined.v1","data":[EVENT,…]}`, signed.
#[derive(Debug)]
pub(crate) struct Webhook {
    key: Key,
    /// The beginning of a request body.
    start: String,
}

impl Webhook {
    pub(crate) fn open(target: &HttpTarget) -> Result<HttpSink<Self>, OpenError> {
        let secret = Secret::read(&target.secret)?;
        let key = Key::parse(secret.reveal()).ok_or_else(|| SecretError::Form {
            path: target.secret.clone(),
            problem: "must be `whsec_` and the base64 of 24 to 64 bytes; make one with \
                      `echo whsec_$(openssl rand -base64 32)`",
        })?;
        let start = format!(r#"{{"type":"{EVENT_TYPE}","data":["#);
        HttpSink::open(target, "", Self { key, start })
    }
}

impl Platform for Webhook {
    const LIMITS: Limits = Limits {
        events: 1_000,
        bytes: 1 << 20,
        event_bytes: MAX_EVENT_BYTES,
    };

    fn encode(&self, event: &UserMetadataEvent, _now: UnixMillis) -> Result<Vec<u8>, String> {
        event.encode().map_err(|error| error.to_string())
    }

    fn envelope(&self) -> (&[u8], &[u8]) {
        (self.start.as_bytes(), b"]}")
    }

    fn authorize(&self, body: &[u8], now: UnixMillis, headers: &mut HeaderMap) {
        // Derived from the body, so that the same batch has the same id when it is sent again.
        let id = URL_SAFE_NO_PAD.encode(&Sha256::digest(body)[..16]);
        let id = format!("msg_{id}");
        let timestamp = (now.as_u64() / 1000).to_string();
        let signature = self.key.sign(&id, &timestamp, body);
        for (name, value) in [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}
