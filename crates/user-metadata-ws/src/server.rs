use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use user_metadata_capture::Capture;
use user_metadata_publisher::Publisher;

use crate::endpoint::Endpoint;
use crate::session::Session;
use crate::shared::Shared;
use crate::{ServerOptions, ServerStatus, metrics};

/// Takes WebSocket connections, lets users join, and publishes an event for each join.
///
/// Metrics go to the recorder that is installed when it is made.
#[must_use = "it accepts nothing until `serve` is polled"]
pub struct Server {
    shared: Arc<Shared>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that were still open when the time for draining was over.
    pub cut_off: usize,
}

impl Server {
    /// A server that captures with `capture` and publishes to `publisher`.
    pub fn new(options: ServerOptions, capture: Capture, publisher: Publisher) -> Self {
        Self {
            shared: Arc::new(Shared::new(options, capture, publisher)),
        }
    }

    /// Observes the server from elsewhere.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        ServerStatus::new(Arc::downgrade(&self.shared))
    }

    /// Serves connections until `stop`, then drains: connections are closed with 1001, spread over
    /// up to 5 s, new ones are refused, `/readyz` reports it. Ends when the last is closed or
    /// [`ServerOptions::drain_timeout`] is over. Its [`Publisher`] is dropped by then.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> Drained {
        let connections = TaskTracker::new();
        let cut = CancellationToken::new();
        // The health endpoints are answered while draining, so accepting goes on until the end.
        tokio::select! {
            () = self.accept(listener, &connections, &cut) => {}
            () = self.drain(stop) => {}
        }
        let cut_off = self.shared.sessions.len();
        if cut_off > 0 {
            warn!(
                connections = cut_off,
                "connections were still open after the time for draining"
            );
        }
        cut.cancel();
        connections.close();
        connections.wait().await;
        Drained { cut_off }
    }

    async fn accept(
        &self,
        listener: TcpListener,
        connections: &TaskTracker,
        cut: &CancellationToken,
    ) {
        const PAUSE: Duration = Duration::from_millis(50);
        /// After this long without a failure, the next one is a new incident.
        const CALM: Duration = Duration::from_secs(60);
        let mut last_failure: Option<Instant> = None;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if let Some(connection) = self.enter(stream, peer, cut.clone()) {
                        connections.spawn(connection);
                    }
                }
                Err(error) if is_of_one_connection(&error) => debug!(%error, "connection is gone"),
                Err(error) => {
                    // Out of file descriptors, say. Accepting again at once would spin; the
                    // connections in the backlog are accepted when others have closed.
                    if last_failure.is_none_or(|last| last.elapsed() > CALM) {
                        warn!(%error, "can't accept connections for now; is `ulimit -n` too low?");
                    }
                    last_failure = Some(Instant::now());
                    metrics::refused("accept_error");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// The future that serves a connection; `None` if there are far too many.
    fn enter(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        cut: CancellationToken,
    ) -> Option<impl Future<Output = ()> + use<>> {
        let peer = peer.ip().to_canonical();
        let is_exempt = peer.is_loopback() || self.shared.capture.trusts(peer);
        let place = match self.shared.limits.enter(peer, is_exempt) {
            Ok(place) => place,
            Err(limit) => {
                metrics::refused(limit.as_str());
                return None;
            }
        };
        let endpoint = Endpoint::new(Arc::clone(&self.shared), peer, place.exceeded());
        // The future is made where it stays: moving it would take its memory a second time.
        Some(async move {
            tokio::select! {
                () = cut.cancelled() => {}
                () = serve_connection(stream, endpoint) => {}
            }
            drop(place);
        })
    }

    /// Waits for `stop`, and then until all sessions are closed.
    async fn drain(&self, stop: CancellationToken) {
        stop.cancelled().await;
        let Shared {
            sessions,
            draining,
            options,
            ..
        } = &*self.shared;
        info!(connections = sessions.len(), "draining");
        draining.cancel();
        sessions.close();
        // Whether in time or not, the caller counts the sessions that are left.
        drop(timeout(options.drain_timeout, sessions.wait()).await);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

/// The peer went away between its connecting and our accepting.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn serve_connection(stream: TcpStream, endpoint: Endpoint) {
    // Replies are small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "connection is gone");
        return;
    }
    let shared = Arc::clone(&endpoint.shared);
    // Boxed: speaking HTTP needs more memory than the session, which lasts.
    let http = Box::pin(endpoint.serve(stream));
    let upgraded = timeout(shared.options.header_timeout, http).await;
    if let Ok(Some(upgraded)) = upgraded {
        Session::serve(upgraded, shared).await;
    }
}
