//! A server on this host that behaves as a vendor documents: it enforces the vendor's limits, knows
//! the key, deduplicates, and fails on demand.

pub(crate) mod page;

use std::collections::{BTreeSet, VecDeque};
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;
use tempfile::TempDir;
use user_metadata_consumer::conformance::StoredEvent;
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
    /// The connection ends in the middle of the response.
    BreaksOff,
    /// There is never a response.
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
    /// The clients that connected.
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
