//! Every request gets an answer, and only a valid handshake is upgraded.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use support::{JOIN, TEXT, TestServer, frame, handshake, in_time};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A handshake in which one piece of text is replaced.
fn but(old: &str, new: &str) -> String {
    let changed = handshake("").replacen(old, new, 1);
    assert_ne!(changed, handshake(""), "{old}");
    changed
}

#[tokio::test]
async fn valid_handshakes_are_upgraded() {
    let server = TestServer::with(|options| {
        options.allowed_origins = vec!["https://app.example.com".parse().unwrap()]
    })
    .await;
    for request in [
        handshake(""),
        handshake("Origin: https://chat.example.com\r\n"),
        handshake("Origin: https://app.example.com\r\n"),
        handshake("User-Agent: \u{ff}\u{fe}\r\nUser-Agent: two\r\nAccept-Language: \u{c3}(\r\n"),
        handshake(&format!("User-Agent: {}\r\n", "x".repeat(8_000))),
        but("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
        but("Upgrade: websocket", "upgrade: WebSocket"),
        but("/ws ", "/ws?token=secret "),
        but("GET /ws", "GET http://chat.example.com/ws"),
        handshake("Sec-WebSocket-Extensions: permessage-deflate\r\n"),
        handshake("").replace("\r\n", "\n"),
    ] {
        let head = server.connect().await.request(&request).await;
        assert!(
            head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{request}{head}"
        );
        let head = head.to_lowercase();
        assert!(
            head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"),
            "{head}"
        );
        assert!(
            !head.contains("extensions"),
            "compression is never agreed on: {head}"
        );
    }
}

#[tokio::test]
async fn a_frame_in_the_same_segment_as_the_upgrade_is_not_lost() {
    let server = TestServer::start().await;
    let mut client = server.connect().await;
    client
        .send(&[handshake("").into_bytes(), frame(TEXT, JOIN.as_bytes())].concat())
        .await;
    assert!(client.head().await.starts_with("HTTP/1.1 101"));
    assert_eq!(client.hear().await["type"], "joined");
}

/// Each request is answered with that status and header.
async fn refuses(requests: impl IntoIterator<Item = (String, u16, &str)>) {
    let server = TestServer::start().await;
    for (request, status, header) in requests {
        let head = server.connect().await.request(&request).await;
        let summary: String = request.chars().take(400).collect();
        let answer = head
            .split_once(' ')
            .unwrap_or_else(|| panic!("no answer: {summary}"))
            .1;
        assert!(answer.starts_with(&status.to_string()), "{summary}{head}");
        assert!(head.to_lowercase().contains(header), "{summary}{head}");
    }
    assert_eq!(server.status.connections(), 0);
}

#[tokio::test]
async fn a_request_that_is_not_a_handshake_is_answered_with_what_is_needed() {
    let requests = [
        (but("GET", "POST"), 405, "allow: get\r\n"),
        (but("GET", "HEAD"), 405, "allow: get\r\n"),
        (
            "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n".into(),
            426,
            "upgrade: websocket\r\n",
        ),
        (
            but("Connection: Upgrade", "Connection: close"),
            426,
            "upgrade: websocket\r\n",
        ),
        (
            but("Upgrade: websocket", "Upgrade: h2c"),
            426,
            "upgrade: websocket\r\n",
        ),
        (but("HTTP/1.1", "HTTP/1.0"), 426, "upgrade: websocket\r\n"),
        (
            but("Version: 13", "Version: 8"),
            426,
            "sec-websocket-version: 13\r\n",
        ),
        (
            but("Sec-WebSocket-Version: 13\r\n", ""),
            426,
            "sec-websocket-version: 13\r\n",
        ),
        (but("/ws", "/nothing"), 404, ""),
    ];
    refuses(requests).await;
}

#[tokio::test]
async fn malformed_handshakes_are_refused() {
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    let requests = [
        but(KEY, "c2hvcnQ="),
        but(KEY, "dGhlIHNhbXBsZSBub25jZSBub25jZQ=="),
        but(KEY, "!!!!!!!!!!!!!!!!!!!!!!=="),
        but(&format!("Sec-WebSocket-Key: {KEY}\r\n"), ""),
        handshake(&format!("Sec-WebSocket-Key: {KEY}\r\n")),
        but("Host: chat.example.com\r\n", ""),
        handshake("Host: other.example.com\r\n"),
        handshake("Content-Length: 5\r\n") + "hello",
        handshake("Transfer-Encoding: chunked\r\n") + "0\r\n\r\n",
        but("Host: chat.example.com", "Host: chat\r\n .example.com"),
        "\u{16}\u{3}\u{1}\0\r\n\r\n".into(),
    ];
    refuses(requests.map(|request| (request, 400, ""))).await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let origins = [
        "https://evil.example",
        "null",
        "https://chat.example.com.evil.example",
    ];
    refuses(origins.map(|origin| (handshake(&format!("Origin: {origin}\r\n")), 403, ""))).await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let many = (0..200)
        .map(|n| format!("X-{n}: 1\r\n"))
        .collect::<String>();
    let large = format!("X-Large: {}\r\n", "x".repeat(64 << 10));
    refuses([(handshake(&many), 431, ""), (handshake(&large), 431, "")]).await;
}

#[tokio::test]
async fn http_2_without_negotiation_is_closed() {
    let server = TestServer::start().await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(server.connect().await.whole(preface).await, "");
}

#[tokio::test]
async fn a_client_that_is_silent_or_slow_before_the_upgrade_is_closed() {
    let server =
        TestServer::with(|options| options.header_timeout = Duration::from_millis(300)).await;
    for sent in ["", "G", "GET /ws HTTP/1.1\r\nHost: a\r\n"] {
        let mut client = server.connect().await;
        assert_eq!(client.whole(sent).await, "", "{sent}");
    }
    // A byte now and then does not prolong it.
    let mut client = server.connect().await;
    let drip = async {
        let (mut read, mut write) = client.0.split();
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        let mut byte = [0];
        loop {
            tokio::select! {
                _ = pace.tick() => if write.write_all(b"x").await.is_err() { break },
                closed = read.read(&mut byte) => { assert!(matches!(closed, Ok(0) | Err(_))); break }
            }
        }
    };
    in_time(drip).await;
}

#[tokio::test]
async fn a_reset_in_the_middle_of_the_handshake_harms_nobody() {
    let server = TestServer::start().await;
    for _ in 0..20 {
        let mut client = server.connect().await;
        client.send(&handshake("").as_bytes()[..50]).await;
        client.0.set_zero_linger().unwrap();
    }
    server.join().await;
}

#[tokio::test]
async fn pages_are_there_only_when_asked_for() {
    let (with, without) = (
        TestServer::with(|options| options.demo_page = true).await,
        TestServer::start().await,
    );
    for (path, content_type, part) in [
        ("/", "text/html", "<h1>"),
        ("/demo.css", "text/css", ":root"),
        ("/demo.js", "text/javascript", "import { connect }"),
        ("/client.js", "text/javascript", "export function connect"),
        ("/icon.svg", "image/svg+xml", "<svg"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let response = with.connect().await.whole(&request).await;
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains(&format!("content-type: {content_type}")),
            "{head}"
        );
        assert!(
            head.contains("content-security-policy: default-src 'none'; script-src 'self'"),
            "{head}"
        );
        assert!(
            !head.contains("unsafe-inline") && body.contains(part),
            "{response}"
        );
        assert_eq!(
            head.contains("access-control-allow-origin: *"),
            path == "/client.js"
        );
        assert!(
            without
                .connect()
                .await
                .whole(&request)
                .await
                .starts_with("HTTP/1.1 404")
        );
        let head = with
            .connect()
            .await
            .request(&request.replace("GET", "DELETE"))
            .await;
        assert!(
            head.starts_with("HTTP/1.1 405") && head.contains("allow: GET"),
            "{head}"
        );
        let head = with
            .connect()
            .await
            .whole(&request.replace("GET", "HEAD"))
            .await;
        assert!(
            head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn health_says_whether_events_get_through() {
    let server = TestServer::start().await;
    let get = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let live = server.connect().await.whole(&get("/livez")).await;
    assert!(
        live.starts_with("HTTP/1.1 200") && live.ends_with(r#"{"status":"live"}"#),
        "{live}"
    );

    let waiting = server.connect().await.whole(&get("/readyz")).await;
    let body = r#"{"reasons":["connecting to the topic"],"status":"degraded"}"#;
    assert!(
        waiting.starts_with("HTTP/1.1 200") && waiting.ends_with(body),
        "{waiting}"
    );

    tokio::spawn(server.publishing.run());
    let until_ready = async {
        let body = r#"{"reasons":[],"status":"ready"}"#;
        let connect = async || {
            let mut client = support::Client(
                tokio::net::TcpStream::connect(server.address)
                    .await
                    .unwrap(),
            );
            client.whole(&get("/readyz")).await
        };
        while !connect().await.ends_with(body) {}
    };
    in_time(until_ready).await;
}
