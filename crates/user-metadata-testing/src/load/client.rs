use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// How long each operation may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A WebSocket connection to a ws-server.
#[derive(Debug)]
pub struct Client(WebSocketStream<TcpStream>);

/// Why a client failed, for people.
pub type ClientError = String;

impl Client {
    /// Connects with these headers in addition to those of the handshake.
    ///
    /// # Errors
    ///
    /// There is no server, or it refuses the upgrade.
    pub async fn connect(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, ClientError> {
        let mut request = format!("ws://{address}/ws")
            .into_client_request()
            .map_err(words)?;
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(words)?;
            request
                .headers_mut()
                .append(HeaderName::from_static(name), value);
        }
        let handshake = async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            client_async(request, stream).await
        };
        let (socket, _) = timeout(LIMIT, handshake)
            .await
            .map_err(words)?
            .map_err(words)?;
        Ok(Self(socket))
    }

    /// Joins as this user and returns the server's reply.
    ///
    /// # Errors
    ///
    /// The reply is not `joined`.
    pub async fn join(&mut self, id: &str, username: &str) -> Result<Value, ClientError> {
        let user = json!({ "id": id, "username": username });
        self.send(&json!({ "type": "join", "user": user })).await?;
        let reply = self.receive().await?;
        if reply["type"] == "joined" {
            Ok(reply)
        } else {
            Err(reply.to_string())
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    ///
    /// The connection is closed.
    pub async fn send(&mut self, message: &Value) -> Result<(), ClientError> {
        let message = Message::text(message.to_string());
        let sent = timeout(LIMIT, self.0.send(message)).await;
        sent.map_err(words)?.map_err(words)
    }

    /// Receives the next message.
    ///
    /// # Errors
    ///
    /// The connection is closed, or nothing is received within 30 s.
    pub async fn receive(&mut self) -> Result<Value, ClientError> {
        loop {
            let received = timeout(LIMIT, self.0.next()).await.map_err(words)?;
            match received
                .unwrap_or(Err(Error::ConnectionClosed))
                .map_err(words)?
            {
                Message::Text(text) => return serde_json::from_str(&text).map_err(words),
                Message::Ping(_) | Message::Pong(_) => {}
                other => return Err(format!("{other:?} instead of a message")),
            }
        }
    }
}

fn words(error: impl std::fmt::Display) -> ClientError {
    error.to_string()
}
