//! A server on a free port and a client that sends bytes, so that it can also send invalid ones.
#![allow(dead_code, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use user_metadata_capture::Capture;
use user_metadata_publisher::{LogTarget, Publisher, PublisherOptions, PublisherTask, embedded};
use user_metadata_ws::{Drained, Server, ServerOptions, ServerStatus};

/// Nothing here takes this long unless it hangs.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    timeout(DEADLINE, what).await.expect("in time")
}

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) status: ServerStatus,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: JoinHandle<Drained>,
    pub(crate) dir: TempDir,
    /// Not run until [`TestServer::deliver`].
    pub(crate) publishing: PublisherTask,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServerOptions)) -> Self {
        let mut options = ServerOptions::default();
        change(&mut options);
        let dir = tempfile::tempdir().unwrap();
        let (publisher, publishing) = publisher(&dir);
        let server = Server::new(options, Capture::default(), publisher);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = server.status();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.serve(listener, stop.clone()));
        Self {
            address,
            status,
            stop,
            serving,
            dir,
            publishing,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Connects and upgrades.
    pub(crate) async fn open(&self) -> Client {
        let mut client = self.connect().await;
        let head = client.request(&handshake("")).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        client
    }

    /// Connects, upgrades and joins.
    pub(crate) async fn join(&self) -> Client {
        let mut client = self.open().await;
        client.say(JOIN).await;
        assert_eq!(client.hear().await["type"], "joined");
        client
    }
}

fn publisher(dir: &TempDir) -> (Publisher, PublisherTask) {
    let target = LogTarget::new(dir.path());
    embedded(target, PublisherOptions::default()).unwrap()
}

pub(crate) const JOIN: &str = r#"{"type":"join","user":{"id":"user-123","username":"John"}}"#;

/// A valid handshake; `extra` are further header lines.
pub(crate) fn handshake(extra: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: chat.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n"
    )
}

/// A frame's first byte: final, no reserved bit.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    frame
}

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        in_time(self.0.write_all(bytes)).await.unwrap();
    }

    /// Sends a request and returns the head of its response.
    pub(crate) async fn request(&mut self, request: &str) -> String {
        self.send(request.as_bytes()).await;
        self.head().await
    }

    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match in_time(self.0.read_u8()).await {
                Ok(byte) => head.push(byte),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Sends a request that ends the connection, and returns the whole response.
    pub(crate) async fn whole(&mut self, request: &str) -> String {
        self.send(request.as_bytes()).await;
        String::from_utf8(self.rest().await).unwrap()
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end, too.
        drop(in_time(self.0.read_to_end(&mut rest)).await);
        rest
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(&frame(TEXT, text.as_bytes())).await;
    }

    /// The next frame: its first byte and its payload; `None` at the end.
    pub(crate) async fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = in_time(self.0.read_u8()).await.ok()?;
        let length = match self.0.read_u8().await.unwrap() {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        in_time(self.0.read_exact(&mut payload)).await.unwrap();
        Some((first, payload))
    }

    /// The next frame, which is JSON text.
    pub(crate) async fn hear(&mut self) -> Value {
        let (first, payload) = self.next_frame().await.expect("a frame");
        assert_eq!(first, TEXT, "{payload:?}");
        serde_json::from_slice(&payload).unwrap()
    }

    /// The next frame, which is a close; then the connection ends.
    pub(crate) async fn hear_close(&mut self) -> u16 {
        let (first, payload) = self.next_frame().await.expect("a frame");
        assert_eq!(first, CLOSE, "{}", String::from_utf8_lossy(&payload));
        assert_eq!(self.rest().await, b"", "nothing comes after the close");
        u16::from_be_bytes([payload[0], payload[1]])
    }

    /// The connection is still open and its session still reads.
    pub(crate) async fn is_open(&mut self) {
        self.say(r#"{"type":"ping"}"#).await;
        assert_eq!(self.hear().await["type"], "pong");
    }
}
