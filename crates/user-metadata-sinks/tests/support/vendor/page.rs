//! What the vendors document: paths, keys, limits, responses.

use serde_json::{Value, json};
use user_metadata_consumer::conformance::StoredEvent;
use user_metadata_events::{EventId, UserMetadataEvent};

use super::{KEY, Recorded, SECRET, State, Vendor};

impl Vendor {
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Webhook => SECRET,
            _ => KEY,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Webhook => "/hook?a=b",
            Self::Segment => "/v1/batch",
            Self::Mixpanel => "/import?strict=1",
            Self::Amplitude => "/batch",
            Self::Posthog => "/batch/",
            Self::Ga4 => "/mp/collect?measurement_id=G-1A2B3C&api_secret=swordfish-42",
        }
    }

    /// Events, bytes of a request, bytes of an event.
    pub(crate) const fn limits(self) -> (usize, usize, usize) {
        match self {
            Self::Webhook => (1_000, 1 << 20, 64 << 10),
            Self::Segment => (usize::MAX, 500_000, 32_000),
            Self::Mixpanel => (2_000, 2_000_000, 1_000_000),
            Self::Amplitude => (2_000, 20_000_000, usize::MAX),
            Self::Posthog => (usize::MAX, 20_000_000, 2_000_000),
            Self::Ga4 => (25, 130_000, usize::MAX),
        }
    }

    fn is_authorized(self, request: &Recorded) -> bool {
        let header = request.headers.get("authorization");
        match self {
            Self::Webhook => user_metadata_sinks::webhook::verify(
                &request.headers,
                &request.body,
                SECRET,
                std::time::SystemTime::now(),
                std::time::Duration::from_secs(300),
            )
            .is_ok(),
            // The base64 of `swordfish-42:`.
            Self::Segment | Self::Mixpanel => {
                header.is_some_and(|value| value == "Basic c3dvcmRmaXNoLTQyOg==")
            }
            Self::Amplitude | Self::Posthog => request.json()["api_key"] == KEY,
            Self::Ga4 => true,
        }
    }

    pub(super) fn take(self, state: &mut State, request: &Recorded) -> (u16, Value) {
        if state.is_away {
            return (503, json!({}));
        }
        if self == Self::Ga4 && request.uri.path() == "/debug/mp/collect" {
            return (200, json!({ "validationMessages": [] }));
        }
        assert_eq!(request.uri.to_string(), self.path());
        assert_eq!(request.headers["content-type"], "application/json");
        if !self.is_authorized(request) {
            return match self {
                Self::Amplitude => (400, json!({"code": 400, "error": "Invalid API key: x"})),
                _ => (401, json!({ "error": "who are you?" })),
            };
        }
        let body = request.json();
        let events = self.events(&body);
        let (most, most_bytes, most_event_bytes) = self.limits();
        let most_bytes = state.max_bytes.unwrap_or(most_bytes);
        if events.len() > most || request.body.len() > most_bytes {
            return (413, json!({"error": "Payload too large"}));
        }
        let too_large = |event: &&Value| event.to_string().len() > most_event_bytes;
        assert!(!events.iter().any(too_large), "an event is too large");
        self.store(state, &events)
    }

    fn store(self, state: &mut State, events: &[&Value]) -> (u16, Value) {
        let is_bad = |event: &Value| {
            let user = self.user(event);
            let is_placeholder = self == Self::Mixpanel && is_placeholder(user);
            is_placeholder || state.bad_users.contains(&user)
        };
        let bad: Vec<usize> = (0..events.len())
            .filter(|place| is_bad(events[*place]))
            .collect();
        let keeps_others = self == Self::Mixpanel;
        if bad.is_empty() || keeps_others {
            for (place, event) in events.iter().enumerate() {
                let stored = self.stored(event);
                let is_new = state.stored.iter().all(|other| other.id() != stored.id());
                if !bad.contains(&place) && (is_new || self == Self::Ga4) {
                    state.stored.push(stored);
                }
            }
        }
        self.answer(events.len(), &bad)
    }

    fn answer(self, events: usize, bad: &[usize]) -> (u16, Value) {
        match self {
            Self::Ga4 => (204, Value::Null),
            Self::Posthog if bad.is_empty() => (200, json!({"status": 1})),
            Self::Segment if bad.is_empty() => (200, json!({"success": true})),
            _ if bad.is_empty() => (200, json!({"code": 200})),
            Self::Mixpanel => {
                let failed = bad.iter().map(|place| {
                    json!({"index": place, "insert_id": "x", "field": "properties.distinct_id",
                        "message": "is invalid"})
                });
                (
                    400,
                    json!({"code": 400, "error": "some data points in the request failed validation",
                    "status": "Bad Request", "num_records_imported": events - bad.len(),
                    "failed_records": failed.collect::<Vec<_>>()}),
                )
            }
            Self::Amplitude => (
                400,
                json!({"code": 400, "error": "Request missing required field",
                    "events_with_invalid_fields": {"time": bad}, "silenced_events": []}),
            ),
            _ => (400, json!({ "error": "it holds something wrong" })),
        }
    }

    pub(crate) fn events(self, body: &Value) -> Vec<&Value> {
        let list = match self {
            Self::Webhook => &body["data"],
            Self::Segment | Self::Posthog => &body["batch"],
            Self::Mixpanel => body,
            Self::Amplitude => &body["events"],
            // What is said of the user is beside the events.
            Self::Ga4 => return vec![body],
        };
        list.as_array().unwrap().iter().collect()
    }

    fn user(self, event: &Value) -> &str {
        let user = match self {
            Self::Webhook | Self::Segment => &event["userId"],
            Self::Mixpanel => &event["properties"]["distinct_id"],
            Self::Posthog => &event["distinct_id"],
            Self::Amplitude | Self::Ga4 => &event["user_id"],
        };
        user.as_str().unwrap()
    }

    fn stored(self, event: &Value) -> StoredEvent {
        let (id, username) = match self {
            Self::Webhook => {
                let value = serde_json::to_vec(event).unwrap();
                return UserMetadataEvent::decode(Some(&value)).unwrap().into();
            }
            Self::Ga4 => {
                let event = &event["events"][0];
                return parse(&event["params"]["event_id"]).into();
            }
            Self::Segment => (
                parse(&event["messageId"]),
                &event["context"]["traits"]["username"],
            ),
            Self::Mixpanel => {
                let properties = &event["properties"];
                (parse(&properties["$insert_id"]), &properties["username"])
            }
            Self::Amplitude => (
                parse(&event["insert_id"]),
                &event["user_properties"]["username"],
            ),
            Self::Posthog => {
                let hex = event["uuid"].as_str().unwrap().replace('-', "");
                let id = EventId::from_u128(u128::from_str_radix(&hex, 16).unwrap());
                (id, &event["properties"]["$set"]["username"])
            }
        };
        StoredEvent::User {
            id,
            user_id: self.user(event).to_owned(),
            username: username.as_str().unwrap().to_owned(),
        }
    }
}

/// Ids that the vendor treats as a mistake instead of a user.
pub(crate) fn is_placeholder(user: &str) -> bool {
    let user = user.to_lowercase();
    ["anon", "anonymous", "nil", "none", "null", "n/a"].contains(&user.as_str())
}

fn parse(id: &Value) -> EventId {
    id.as_str().unwrap().parse().unwrap()
}
