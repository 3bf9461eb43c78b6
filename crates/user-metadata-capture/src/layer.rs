use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;
use user_metadata_events::{ClientId, UnixMillis};

use crate::Capture;

/// Puts a [`ConnectionContext`](crate::ConnectionContext) into the extensions of each request.
///
/// The peer's address comes from the request's extensions: axum's `ConnectInfo<SocketAddr>`
/// (feature `axum`) or a plain [`SocketAddr`]; or it is given with [`Self::with_peer`], where
/// there is a service for each connection. Without it there is no context.
#[derive(Debug, Clone)]
pub struct CaptureLayer {
    capture: Capture,
    now: fn() -> SystemTime,
    peer: Option<IpAddr>,
}

impl CaptureLayer {
    /// Captures with `capture`; `now` tells the time, normally [`SystemTime::now`].
    #[must_use]
    pub const fn new(capture: Capture, now: fn() -> SystemTime) -> Self {
        Self {
            capture,
            now,
            peer: None,
        }
    }

    /// For the requests of one connection, whose peer is known.
    #[must_use]
    pub const fn with_peer(mut self, peer: IpAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    fn capture<B>(&self, request: &mut Request<B>) {
        if let Some(peer) = self.peer.or_else(|| peer(request.extensions())) {
            let client_id = ClientId::new(UnixMillis::from((self.now)()));
            let context = self.capture.connection(request.headers(), peer, client_id);
            request.extensions_mut().insert(context);
        }
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    #[cfg(feature = "axum")]
    if let Some(axum::extract::ConnectInfo(peer)) =
        extensions.get::<axum::extract::ConnectInfo<SocketAddr>>()
    {
        return Some(peer.ip());
    }
    extensions.get::<SocketAddr>().map(SocketAddr::ip)
}

impl<S> Layer<S> for CaptureLayer {
    type Service = CaptureService<S>;

    fn layer(&self, inner: S) -> CaptureService<S> {
        CaptureService {
            layer: self.clone(),
            inner,
        }
    }
}

/// The service that [`CaptureLayer`] makes.
#[derive(Clone)]
pub struct CaptureService<S> {
    layer: CaptureLayer,
    inner: S,
}

impl<S, B> Service<Request<B>> for CaptureService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        self.layer.capture(&mut request);
        self.inner.call(request)
    }
}

impl<S> fmt::Debug for CaptureService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureService")
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}
