use std::borrow::Cow;
use std::net::IpAddr;

use metrics::counter;
use serde_json::Value;
use user_metadata_events::{ClientIp, UserMetadataEvent};

use super::values::{Micros, Uuid};
use crate::details::{self, Details};

/// The columns of `events`, in the order of [`Row`]'s fields.
pub(super) const COLUMNS: &str = "id, user_id, username, session_id, timestamp, connection_time, \
    client_id, ip, user_agent, browser, os, device, language, details";
pub(super) const COLUMN_COUNT: i16 = 14;

/// The maximum size of an indexed text, in bytes: PostgreSQL allows about 2,700 for an index row,
/// which may have two of them.
const MAX_KEY: usize = 512;

/// A row of `events`, with values that PostgreSQL accepts.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// The index of its event in the batch.
    pub(super) index: usize,
    pub(super) id: Uuid,
    pub(super) user_id: Cow<'a, str>,
    pub(super) username: Cow<'a, str>,
    pub(super) session_id: Cow<'a, str>,
    pub(super) timestamp: Micros,
    pub(super) connection_time: Micros,
    pub(super) client_id: Uuid,
    pub(super) ip: Option<IpAddr>,
    pub(super) user_agent: Option<Cow<'a, str>>,
    pub(super) browser: Option<Cow<'a, str>>,
    pub(super) os: Option<Cow<'a, str>>,
    pub(super) device: Option<Cow<'a, str>>,
    pub(super) language: Option<Cow<'a, str>>,
    pub(super) details: Option<String>,
}

impl<'a> Row<'a> {
    /// Fails with the reason why the event can't be a row.
    pub(super) fn new(index: usize, event: &'a UserMetadataEvent) -> Result<Self, String> {
        let metadata = &event.metadata;
        let ip = details::ip(event);
        let mut details = Details::of(event);
        if let Some(ClientIp::Pseudonym(text)) = ip {
            details.ip = Some(text);
            if !crate::ip::is_keyed_hash(text) {
                counter!("user_metadata_sink_mended_total", "what" => "address").increment(1);
            }
        }
        let details = details
            .to_json()
            .map_err(|error| format!("not JSON: {error}"))?;
        Ok(Self {
            index,
            id: Uuid(event.id.to_u128()),
            user_id: key("userId", &event.user_id)?,
            username: text(&event.username),
            session_id: key("sessionId", &event.session_id)?,
            timestamp: event.timestamp.into(),
            connection_time: event.connection_info.connection_time.into(),
            client_id: Uuid(event.connection_info.client_id.to_u128()),
            ip: ip.and_then(ClientIp::address),
            user_agent: metadata.user_agent.as_deref().map(text),
            browser: metadata.browser.as_deref().map(text),
            os: metadata.os.as_deref().map(text),
            device: metadata.device.as_deref().map(text),
            language: metadata.language.as_deref().map(text),
            details: details
                .map(json)
                .transpose()
                .map_err(|error| format!("not JSON: {error}"))?,
        })
    }

    /// The columns of the primary key.
    pub(super) const fn key(&self) -> (Micros, Uuid) {
        (self.timestamp, self.id)
    }
}

fn key<'a>(name: &str, value: &'a str) -> Result<Cow<'a, str>, String> {
    if value.len() > MAX_KEY {
        return Err(format!("{name} has more than {MAX_KEY} bytes"));
    }
    Ok(text(value))
}

/// PostgreSQL has no NUL in texts.
fn text(text: &str) -> Cow<'_, str> {
    if !text.as_bytes().contains(&0) {
        return text.into();
    }
    count_nul();
    text.replace('\0', "\u{fffd}").into()
}

/// Nor has its JSON.
fn json(json: String) -> serde_json::Result<String> {
    if !json.contains("\\u0000") {
        return Ok(json);
    }
    let mut value: Value = serde_json::from_str(&json)?;
    // It may as well be an escaped backslash followed by `u0000`.
    if replace_nul(&mut value) {
        count_nul();
        return serde_json::to_string(&value);
    }
    Ok(json)
}

fn replace_nul(value: &mut Value) -> bool {
    match value {
        Value::String(text) if text.contains('\0') => {
            *text = text.replace('\0', "\u{fffd}");
            true
        }
        // All of them: `any` would stop at the first.
        Value::Array(values) => values
            .iter_mut()
            .fold(false, |replaced, value| replace_nul(value) | replaced),
        Value::Object(map) => {
            let mut replaced = map
                .values_mut()
                .fold(false, |replaced, value| replace_nul(value) | replaced);
            let keys: Vec<_> = map
                .keys()
                .filter(|key| key.contains('\0'))
                .cloned()
                .collect();
            for key in keys {
                if let Some(value) = map.remove(&key) {
                    map.insert(key.replace('\0', "\u{fffd}"), value);
                    replaced = true;
                }
            }
            replaced
        }
        _ => false,
    }
}

fn count_nul() {
    counter!("user_metadata_sink_mended_total", "what" => "nul").increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_in_json_is_replaced_wherever_it_is_and_its_look_alike_stays() {
        for (given, expected) in [
            (r#"{"a":"x"}"#, r#"{"a":"x"}"#),
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (r#"{"a":"\u0000"}"#, "{\"a\":\"\u{fffd}\"}"),
            (
                r#"{"\u0000":[{"b":"\u0000c"},1]}"#,
                "{\"\u{fffd}\":[{\"b\":\"\u{fffd}c\"},1]}",
            ),
        ] {
            assert_eq!(json(given.to_owned()).unwrap(), expected);
        }
    }

    #[test]
    fn a_key_that_an_index_could_not_take_is_refused() {
        assert!(key("userId", &"x".repeat(MAX_KEY)).is_ok());
        let error = key("userId", &"x".repeat(MAX_KEY + 1)).unwrap_err();
        assert_eq!(error, "userId has more than 512 bytes");
    }
}
