use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::{ListenError, Recorder, listen};

/// What a program reports about itself.
pub trait Health: Send + Sync + 'static {
    /// Whether it works, and if not fully, why.
    fn readiness(&self) -> Readiness;

    /// What it does, and what is wrong since when, for people.
    fn status(&self) -> Value;
}

/// Whether a program works. The reasons contain no address and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// Fully. 200.
    Ready,
    /// As far as its users see. 200, so that it is not taken out of rotation.
    Degraded(Vec<String>),
    /// It does not work. 503.
    NotReady(Vec<String>),
    /// It is shutting down. 503.
    Draining,
}

impl Readiness {
    /// The HTTP status and the JSON of `/readyz`.
    #[must_use]
    pub fn to_json(&self) -> (u16, Value) {
        let (code, status, reasons) = match self {
            Self::Ready => (200, "ready", [].as_slice()),
            Self::Degraded(reasons) => (200, "degraded", reasons.as_slice()),
            Self::NotReady(reasons) => (503, "not_ready", reasons.as_slice()),
            Self::Draining => (503, "draining", [].as_slice()),
        };
        (code, json!({ "status": status, "reasons": reasons }))
    }
}

/// The operators' HTTP endpoints: `/livez`, `/readyz`, `/status`, `/metrics`.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// How long a request may take to arrive.
    const REQUEST_DEADLINE: Duration = Duration::from_secs(10);

    /// Listens on `address`; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`ListenError`]: the port is taken, or the address is not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let (listener, address) = listen(address).await?;
        Ok(Self { listener, address })
    }

    /// The address that it listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`, then ends.
    pub async fn serve(self, health: Arc<dyn Health>, recorder: Recorder, stop: CancellationToken) {
        let connections = TaskTracker::new();
        let mut fold = tokio::time::interval(Self::REQUEST_DEADLINE);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = fold.tick() => recorder.fold(),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let answer = Answer { health: Arc::clone(&health), recorder: recorder.clone() };
                        connections.spawn(stop.clone().run_until_cancelled_owned(connection(stream, answer)));
                    }
                    Err(error) => {
                        // E.g. out of file descriptors: retrying at once would spin.
                        warn!(%error, "admin endpoint can't accept");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        connections.close();
        connections.wait().await;
    }
}

#[derive(Clone)]
struct Answer {
    health: Arc<dyn Health>,
    recorder: Recorder,
}

async fn connection(stream: TcpStream, answer: Answer) {
    let service = service_fn(move |request: Request<Incoming>| {
        let response = answer.to(request.method(), request.uri().path());
        async move { Ok::<_, Infallible>(response) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Admin::REQUEST_DEADLINE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        debug!(%error, "admin connection ended");
    }
}

impl Answer {
    fn to(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut refused = response(405, "text/plain", "only GET is answered here\n");
            refused
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/livez" => response(200, "application/json", r#"{"status":"live"}"#),
            "/readyz" => {
                let (code, body) = self.health.readiness().to_json();
                response(code, "application/json", body.to_string())
            }
            "/status" => response(
                200,
                "application/json",
                format!("{:#}\n", self.health.status()),
            ),
            "/metrics" => response(200, "text/plain; version=0.0.4", self.recorder.render()),
            _ => response(
                404,
                "text/plain",
                "try /livez, /readyz, /status or /metrics\n",
            ),
        }
    }
}

fn response(
    code: u16,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() =
        StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
