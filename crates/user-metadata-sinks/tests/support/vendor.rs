//! A server on this host that behaves as a vendor's page says: it holds requests to the vendor's
//! limits, knows the key, deduplicates, and fails as it is told.

use std::collections::{BTreeSet, VecDeque};
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::{Value, json};
use tempfile::TempDir;
use user_metadata_consumer::conformance::StoredEvent;
use user_metadata_events::{EventId, UserMetadataEvent};
use user_metadata_sinks::{BuiltinSink, SinkUrl};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vendor {
    Webhook,
    Segment,
    Mixpanel,
    Amplitude,
    Posthog,
    Ga4,
}

pub(crate) const VENDORS: [Vendor; 6] = [
    Vendor::Webhook,
    Vendor::Segment,
    Vendor::Mixpanel,
    Vendor::Amplitude,
    Vendor::Posthog,
    Vendor::Ga4,
];

/// The specification's example; as a key it is as good as any.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY: &str = "swordfish-42";

/// What the next request meets instead of the vendor.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Answer(u16, &'static [(&'static str, &'static str)], Value),
    /// The connection ends in the middle of the answer.
    BreaksOff,
    /// No answer ever comes.
    Silence,
}

#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) requests: Vec<Recorded>,
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) stored: Vec<StoredEvent>,
    /// Smaller than the vendor's.
    pub(crate) max_bytes: Option<usize>,
    /// Whom it was connected to.
    clients: BTreeSet<SocketAddr>,
    pub(crate) is_away: bool,
    /// Users whose events it rejects.
    pub(crate) bad_users: Vec<&'static str>,
}

#[derive(Debug, Clone)]
pub(crate) struct Fake {
    pub(crate) vendor: Vendor,
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    dir: Arc<TempDir>,
}

impl Fake {
    pub(crate) async fn start(vendor: Vendor) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            vendor,
            address: listener.local_addr().unwrap(),
            state: Arc::default(),
            dir: Arc::new(tempfile::tempdir().unwrap()),
        };
        std::fs::write(fake.dir.path().join("key"), vendor.key()).unwrap();
        let app = Router::new().fallback(serve).with_state(fake.clone());
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().clients.len()
    }

    pub(crate) fn fail_with(&self, fault: Fault) {
        self.state().faults.push_back(fault);
    }

    pub(crate) fn url(&self, options: &str) -> String {
        let (address, key) = (self.address, self.dir.path().join("key"));
        let key = key.display();
        let (scheme, id) = match self.vendor {
            Vendor::Webhook => {
                return format!("webhook:http://{address}/hook%3Fa=b?secret-file={key}{options}");
            }
            Vendor::Segment => ("segment", ""),
            Vendor::Mixpanel => ("mixpanel", ""),
            Vendor::Amplitude => ("amplitude", ""),
            Vendor::Posthog => ("posthog", ""),
            Vendor::Ga4 => ("ga4", "G-1A2B3C"),
        };
        format!("{scheme}:{id}?host=http://{address}&token-file={key}{options}")
    }

    pub(crate) fn sink(&self, options: &str) -> BuiltinSink {
        self.url(options)
            .parse::<SinkUrl>()
            .unwrap()
            .open()
            .unwrap()
    }

    pub(crate) fn change_key(&self, key: &str) {
        std::fs::write(self.dir.path().join("key"), key).unwrap();
    }
}

async fn serve(
    Shared(fake): Shared<Fake>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = match headers.get("content-encoding") {
        Some(_) => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..])
                .read_to_end(&mut plain)
                .unwrap();
            plain
        }
        None => body.to_vec(),
    };
    let recorded = Recorded { uri, headers, body };
    let fault = {
        let mut state = fake.state();
        state.clients.insert(client);
        state.requests.push(recorded.clone());
        state.faults.pop_front()
    };
    match fault {
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::BreaksOff) => {
            let broken =
                futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut"))]);
            let body = Body::from_stream(broken);
            Response::builder()
                .header("content-length", 10)
                .body(body)
                .unwrap()
        }
        Some(Fault::Answer(status, headers, body)) => answer(status, headers, &body),
        None => {
            let (status, body) = fake.vendor.take(&mut fake.state(), &recorded);
            answer(status, &[], &body)
        }
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    for (name, value) in headers {
        let name = axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

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

    fn take(self, state: &mut State, request: &Recorded) -> (u16, Value) {
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

/// What the vendor takes for a mistake, and not for a user.
pub(crate) fn is_placeholder(user: &str) -> bool {
    let user = user.to_lowercase();
    ["anon", "anonymous", "nil", "none", "null", "n/a"].contains(&user.as_str())
}

fn parse(id: &Value) -> EventId {
    id.as_str().unwrap().parse().unwrap()
}
