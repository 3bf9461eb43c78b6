//! Rebuilds an event from a row, so that lost data shows.

use serde_json::{Map, Value, json};
use user_metadata_consumer::BoxError;
use user_metadata_events::UserMetadataEvent;

/// `columns`: the event as JSON of its columns. Ids may be ULIDs or the UUIDs of the same bits.
pub(crate) fn event_of(columns: &str, details: &str) -> Result<UserMetadataEvent, BoxError> {
    let mut event: Map<String, Value> = serde_json::from_str(columns)?;
    let details: Map<String, Value> = serde_json::from_str(details)?;
    for (key, value) in details {
        let in_part = |part: &str| (part.to_owned(), json!({ key.as_str(): value.clone() }));
        let (part, values) = match key.as_str() {
            "ip" => {
                for (part, key) in [("metadata", "ip"), ("connectionInfo", "ipAddress")] {
                    part_of(&mut event, part)?.insert(key.to_owned(), value.clone());
                }
                continue;
            }
            "agent" | "screen" | "timezone" | "claimedHints" => in_part("metadata"),
            "ipSource" | "ipAddress" => in_part("connectionInfo"),
            "metadata" | "connectionInfo" => (key, value),
            "event" => {
                event.extend(value.as_object().cloned().unwrap_or_default());
                continue;
            }
            _ => {
                event.insert(key, value);
                continue;
            }
        };
        let values = values.as_object().cloned().unwrap_or_default();
        part_of(&mut event, &part)?.extend(values);
    }
    if let Some(id) = event.get_mut("id") {
        *id = ulid(id)?;
    }
    let connection = part_of(&mut event, "connectionInfo")?;
    if let Some(id) = connection.get_mut("clientId") {
        *id = ulid(id)?;
    }
    let value = serde_json::to_vec(&event)?;
    Ok(UserMetadataEvent::decode(Some(&value))?)
}

fn part_of<'a>(
    event: &'a mut Map<String, Value>,
    part: &str,
) -> Result<&'a mut Map<String, Value>, BoxError> {
    let part = event.get_mut(part).and_then(Value::as_object_mut);
    part.ok_or_else(|| "no such part".into())
}

fn ulid(id: &Value) -> Result<Value, BoxError> {
    let text = id.as_str().ok_or("no id")?;
    let hex = text.replace('-', "");
    match u128::from_str_radix(&hex, 16) {
        Ok(bits) if hex.len() == 32 => Ok(user_metadata_events::EventId::from_u128(bits)
            .to_string()
            .into()),
        _ => Ok(id.clone()),
    }
}
