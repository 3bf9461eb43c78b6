use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tracing::debug;
use user_metadata_capture::{ConnectionContext, EventId, Join};

use crate::clock::{Due, SessionClock};
use crate::end::End;
use crate::metrics;
use crate::protocol::{Problem, Reply, Request};
use crate::shared::{OpenSession, Shared};

/// An upgraded connection.
pub(crate) struct Upgraded {
    pub(crate) stream: TcpStream,
    /// What the client sent right behind the upgrade.
    pub(crate) read: Vec<u8>,
    pub(crate) context: Box<ConnectionContext>,
    pub(crate) at: Instant,
    pub(crate) open: OpenSession,
}

/// A session on an upgraded connection.
pub(crate) struct Session {
    socket: WebSocketStream<TcpStream>,
    shared: Arc<Shared>,
    clock: SessionClock,
    /// What the upgrade said, until the join needs it.
    joining: Option<Box<ConnectionContext>>,
    at: Instant,
}

/// What wakes a session.
enum Wake {
    Message(Option<Result<Message, tungstenite::Error>>),
    Deadline,
    Drain,
}

impl Session {
    /// Runs until either side ends it.
    pub(crate) async fn serve(upgraded: Upgraded, shared: Arc<Shared>) {
        let Upgraded {
            stream,
            read,
            context,
            at,
            open,
        } = upgraded;
        let client_id = context.client_id();
        debug!(%client_id, "connected");
        let config = socket_config(shared.options.max_message_bytes);
        let socket =
            WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config)).await;
        let clock = SessionClock::new(&shared.options, at, client_id);
        let mut session = Self {
            socket,
            shared,
            clock,
            joining: Some(context),
            at,
        };
        let end = session.talk().await;
        debug!(%client_id, reason = end.as_str(), "disconnected");
        metrics::closed(end.as_str());
        session.finish(end).await;
        drop(open);
    }

    async fn talk(&mut self) -> End {
        let draining = Arc::clone(&self.shared);
        let mut drain = std::pin::pin!(draining.draining.cancelled());
        let mut deadline = std::pin::pin!(sleep_until(self.clock.next()));
        let mut is_draining = false;
        loop {
            let wake = tokio::select! {
                message = self.socket.next() => Wake::Message(message),
                () = &mut deadline => Wake::Deadline,
                () = &mut drain, if !is_draining => Wake::Drain,
            };
            let ended = match wake {
                Wake::Message(message) => self.hear(message).await,
                Wake::Deadline => self.look_at_clock(deadline.as_mut()).await,
                Wake::Drain => {
                    is_draining = true;
                    self.clock.close_within(self.shared.drain_spread());
                    deadline.as_mut().reset(self.clock.next());
                    Ok(())
                }
            };
            if let Err(end) = ended {
                return end;
            }
        }
    }

    async fn look_at_clock(&mut self, deadline: Pin<&mut Sleep>) -> Result<(), End> {
        let due = self.clock.due(Instant::now());
        match due {
            Some(Due::Ping) => self.send(Message::Ping(tungstenite::Bytes::new())).await?,
            Some(Due::End(end)) => {
                if end == End::JoinTimeout {
                    self.shared.metrics.join_timeout.increment(1);
                }
                return Err(end);
            }
            None => {}
        }
        deadline.reset(self.clock.next());
        Ok(())
    }

    async fn hear(
        &mut self,
        message: Option<Result<Message, tungstenite::Error>>,
    ) -> Result<(), End> {
        let message = message
            .ok_or(End::Closed)?
            .map_err(|error| End::of(&error))?;
        self.clock.heard(Instant::now());
        match message {
            Message::Text(text) => {
                let reply = self.answer(&text);
                self.send(Message::Text(reply)).await
            }
            Message::Binary(_) => Err(End::Binary),
            Message::Close(_) => Err(End::Closed),
            // Tungstenite answers pings itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    fn answer(&mut self, text: &Utf8Bytes) -> Utf8Bytes {
        let reply = Request::parse(text).and_then(|request| match request {
            Request::Join => self.join(text),
            Request::Ping => Ok(Reply::Pong.to_json()),
        });
        reply
            .unwrap_or_else(|problem| Reply::Error(&problem).to_json())
            .into()
    }

    /// Takes the join, publishes its event and returns the reply; waits for nothing.
    fn join(&mut self, text: &Utf8Bytes) -> Result<String, Problem> {
        let arrived = Instant::now();
        let Shared {
            capture,
            publisher,
            metrics,
            ..
        } = &*self.shared;
        let Some(context) = self.joining.take() else {
            metrics.join_repeated.increment(1);
            return Err(Problem::new(
                "already_joined",
                "this connection has joined already",
            ));
        };
        let join = match Join::from_json(text.as_bytes()) {
            Ok(join) => join,
            Err(error) => {
                metrics.join_invalid.increment(1);
                self.joining = Some(context);
                return Err(error.into());
            }
        };
        let id = EventId::new(context.connection_time().saturating_add(self.at.elapsed()));
        let event = capture.event(&context, join, id);
        let reply = Reply::Joined {
            event_id: id,
            client_id: context.client_id(),
            session_id: &event.session_id,
            metadata: &event.metadata,
        };
        let reply = reply.to_json();
        if let Err(error) = publisher.publish(event, context.traceparent()) {
            // The publisher counts and reports the loss; the join is valid.
            debug!(client_id = %context.client_id(), %error, "event is lost");
        }
        self.clock.joined();
        metrics.joined.increment(1);
        metrics.join_seconds.record(arrived.elapsed());
        Ok(reply)
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        let sent = timeout(self.shared.options.write_timeout, self.socket.send(message)).await;
        sent.map_err(|_| End::Slow)?
            .map_err(|error| End::of(&error))
    }

    /// Sends the error and close frames, if the peer still reads.
    async fn finish(&mut self, end: End) {
        if let Some(problem) = end.problem() {
            let words = Message::Text(Reply::Error(&problem).to_json().into());
            if self.send(words).await.is_err() {
                return;
            }
        }
        if let Some(frame) = end.close_frame() {
            if self.send(Message::Close(Some(frame))).await.is_ok() {
                linger(self.socket.get_mut()).await;
            }
        } else if end == End::Closed {
            // Tungstenite has the answer to the client's close frame ready. Whether the client
            // still reads it does not matter.
            let flush = self.socket.flush();
            drop(timeout(self.shared.options.write_timeout, flush).await);
        }
    }
}

/// Half-closes and reads what still comes, for a while: closing with something unread would reset
/// the connection, and the client might never see the close frame.
async fn linger(stream: &mut TcpStream) {
    const PATIENCE: Duration = Duration::from_secs(2);
    const MAX_BYTES: u64 = 1 << 20;
    if stream.shutdown().await.is_ok() {
        let mut rest = stream.take(MAX_BYTES);
        let mut unread = tokio::io::sink();
        // Whether it ends or not, the connection is closed.
        drop(timeout(PATIENCE, tokio::io::copy(&mut rest, &mut unread)).await);
    }
}

/// Buffers as small as messages are: the defaults hold 128 KiB for each connection.
fn socket_config(max_message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(512)
        .write_buffer_size(0)
        .max_write_buffer_size(64 << 10)
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}
