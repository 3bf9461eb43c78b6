//! Frames that break the protocol get its close code, and end no connection but the client's own.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use support::{BINARY, CLOSE, Client, JOIN, PING, PONG, TEXT, TestServer, frame, in_time};

/// The server's answer to these bytes: the codes of its error frames, and its close code.
async fn answer(server: &TestServer, bytes: &[u8]) -> (Vec<String>, u16) {
    let mut client = server.open().await;
    client.send(bytes).await;
    let mut errors = Vec::new();
    loop {
        match client.next_frame().await {
            Some((TEXT, payload)) => {
                let error: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                errors.push(error["code"].as_str().unwrap().to_owned());
            }
            Some((CLOSE, payload)) => {
                assert_eq!(client.rest().await, b"", "nothing comes after the close");
                return (errors, u16::from_be_bytes([payload[0], payload[1]]));
            }
            Some(other) => panic!("{other:?}"),
            None => panic!("closed without a close frame"),
        }
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_1002() {
    let server = TestServer::start().await;
    for (what, bytes) in [
        ("unmasked", [&[TEXT, 2][..], b"{}"].concat()),
        ("reserved bit 1", frame(TEXT | 0x40, b"{}")),
        ("reserved bit 3", frame(TEXT | 0x10, b"{}")),
        ("reserved data opcode", frame(0x83, b"{}")),
        ("reserved control opcode", frame(0x8b, b"")),
        ("ping of 126 bytes", frame(PING, &[b'x'; 126])),
        ("fragmented ping", frame(0x09, b"")),
        ("continuation of nothing", frame(0x80, b"{}")),
        (
            "text inside a text",
            [frame(0x01, b"{"), frame(TEXT, b"}")].concat(),
        ),
        ("close with one byte", frame(CLOSE, &[3])),
        (
            "close with a reserved code",
            frame(CLOSE, &999_u16.to_be_bytes()),
        ),
    ] {
        assert_eq!(answer(&server, &bytes).await, (vec![], 1002), "{what}");
    }
    server.join().await;
}

#[tokio::test]
async fn what_is_not_utf_8_is_closed_with_1007() {
    let server = TestServer::start().await;
    for bytes in [
        frame(TEXT, b"\xff"),
        frame(TEXT, b"\xf0\x9f"),
        frame(CLOSE, &[3, 232, 0xff]),
    ] {
        assert_eq!(answer(&server, &bytes).await, (vec![], 1007), "{bytes:x?}");
    }
}

#[tokio::test]
async fn binary_is_explained_and_closed_with_1003() {
    let server = TestServer::start().await;
    let expected = (vec!["unsupported_data".to_owned()], 1003);
    assert_eq!(
        answer(&server, &frame(BINARY, JOIN.as_bytes())).await,
        expected
    );
}

#[tokio::test]
async fn what_is_too_large_is_explained_and_closed_with_1009() {
    let server = TestServer::start().await;
    let half = [b' '; 9_000];
    for (what, bytes) in [
        (
            "one byte too many",
            frame(TEXT, &vec![b' '; (16 << 10) + 1]),
        ),
        ("far too many", frame(TEXT, &vec![b' '; 200 << 10])),
        (
            "too many in fragments",
            [frame(0x01, &half), frame(0x80, &half)].concat(),
        ),
        (
            "a gigabyte",
            vec![TEXT, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4],
        ),
        (
            "2^63",
            vec![TEXT, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4],
        ),
    ] {
        let expected = (vec!["too_large".to_owned()], 1009);
        assert_eq!(answer(&server, &bytes).await, expected, "{what}");
    }
}

#[tokio::test]
async fn what_the_protocol_allows_works() {
    let server = TestServer::start().await;
    let mut client = server.open().await;
    client.send(&frame(PING, b"are you there")).await;
    assert_eq!(
        client.next_frame().await,
        Some((PONG, b"are you there".to_vec()))
    );

    // A join in pieces, with empty ones and a ping in between.
    let (first, rest) = JOIN.as_bytes().split_at(20);
    client.send(&frame(0x01, first)).await;
    client.send(&frame(0x00, b"").repeat(10_000)).await;
    client.send(&frame(PING, b"")).await;
    client.send(&frame(0x80, rest)).await;
    assert_eq!(client.next_frame().await, Some((PONG, vec![])));
    assert_eq!(client.hear().await["type"], "joined");

    let longest = format!("{:width$}", r#"{"type":"ping"}"#, width = 16 << 10);
    client.say(&longest).await;
    assert_eq!(client.hear().await["type"], "pong");

    client
        .send(&frame(CLOSE, &[3, 232, b'b', b'y', b'e']))
        .await;
    assert_eq!(client.hear_close().await, 1000);
}

#[tokio::test]
async fn a_client_that_leaves_without_a_close_frame_is_forgotten() {
    let server = TestServer::start().await;
    let mut client = server.join().await;
    tokio::io::AsyncWriteExt::shutdown(&mut client.0)
        .await
        .unwrap();
    assert_eq!(client.rest().await, b"");
    let reset = server.join().await;
    reset.0.set_zero_linger().unwrap();
    drop(reset);
    in_time(async {
        while server.status.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_answers_no_pings_is_closed() {
    let server = TestServer::with(|options| {
        options.ping_interval = Duration::from_millis(50);
        options.pong_timeout = Duration::from_millis(200);
    })
    .await;
    let mut silent = server.join().await;
    assert_eq!(silent.next_frame().await, Some((PING, vec![])));
    assert_eq!(silent.hear_close().await, 1001);

    let mut alive = server.join().await;
    for _ in 0..10 {
        assert_eq!(alive.next_frame().await, Some((PING, vec![])));
        alive.send(&frame(PONG, b"")).await;
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed() {
    let server =
        TestServer::with(|options| options.write_timeout = Duration::from_millis(200)).await;
    let Client(mut stream) = server.join().await;
    let pings = frame(TEXT, br#"{"type":"ping"}"#).repeat(1_000);
    // Sending fails once the server has closed. Until then no answer is read.
    let flood = async {
        while tokio::io::AsyncWriteExt::write_all(&mut stream, &pings)
            .await
            .is_ok()
        {}
    };
    in_time(flood).await;
    assert_eq!(server.status.connections(), 0);
}
