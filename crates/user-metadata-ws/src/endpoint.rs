use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::debug;
use user_metadata_capture::{ClientId, ConnectionContext};

use crate::limits::Limit;
use crate::metrics;
use crate::pages::{self, Body};
use crate::session::Upgraded;
use crate::shared::{OpenSession, Shared};
use crate::upgrade::{self, Refused};

/// The most bytes of a request's head; more is answered with 431.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Answers the HTTP requests of one connection, until one of them is the upgrade.
pub(crate) struct Endpoint {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: IpAddr,
    /// The limit that forbids an upgrade, if there is one.
    pub(crate) exceeded: Option<Limit>,
    accepted: Cell<Option<Accepted>>,
    has_answered: Cell<bool>,
}

struct Accepted {
    context: Box<ConnectionContext>,
    at: Instant,
    open: OpenSession,
}

impl Endpoint {
    pub(crate) const fn new(shared: Arc<Shared>, peer: IpAddr, exceeded: Option<Limit>) -> Self {
        Self {
            shared,
            peer,
            exceeded,
            accepted: Cell::new(None),
            has_answered: Cell::new(false),
        }
    }

    /// Speaks HTTP until the upgrade; `None` if the connection ended without one.
    pub(crate) async fn serve(self, stream: TcpStream) -> Option<Upgraded> {
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.options.header_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), self)
            .without_shutdown()
            .await;
        let parts = match served {
            Ok(parts) => parts,
            Err(error) => {
                debug!(%error, "connection ended without an upgrade");
                return None;
            }
        };
        let Accepted { context, at, open } = parts.service.accepted.take()?;
        Some(Upgraded {
            stream: parts.io.into_inner(),
            // A copy: what hyper read into is 8 KiB, and would be kept as long as the connection.
            read: parts.read_buf.to_vec(),
            context,
            at,
            open,
        })
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        self.has_answered.set(true);
        let path = request.uri().path();
        if path == "/ws" {
            return self.upgrade(request).unwrap_or_else(|refused| {
                metrics::refused(refused.as_str());
                refused.to_response()
            });
        }
        let page = match path {
            "/livez" => Some(pages::live()),
            "/readyz" => Some(pages::ready(&self.shared.readiness())),
            _ if self.shared.options.demo_page => pages::demo(path),
            _ => None,
        };
        match page {
            Some(page) if matches!(*request.method(), Method::GET | Method::HEAD) => page,
            Some(_) => Refused::Method.to_response(),
            None => pages::text(
                StatusCode::NOT_FOUND,
                "nothing here; the WebSocket is at /ws\n",
            ),
        }
    }

    fn upgrade(&self, request: &Request<Incoming>) -> Result<Response<Body>, Refused> {
        let response = upgrade::check(request, &self.shared.options)?;
        if let Some(limit) = self.exceeded {
            return Err(Refused::Limit(limit));
        }
        // Counted before the check: draining waits for the sessions that are counted.
        let open = OpenSession::enter(&self.shared);
        if self.shared.draining.is_cancelled() {
            return Err(Refused::Draining);
        }
        let client_id = ClientId::new(SystemTime::now().into());
        let context = Box::new(self.shared.capture.connection(
            request.headers(),
            self.peer,
            client_id,
        ));
        self.accepted.set(Some(Accepted {
            context,
            at: Instant::now(),
            open,
        }));
        Ok(response)
    }
}

impl Service<Request<Incoming>> for Endpoint {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        ready(Ok(self.answer(&request)))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if !self.has_answered.get() {
            metrics::refused("no_request");
        }
    }
}
