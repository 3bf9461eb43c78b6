//! A stop closes every connection with a close frame, in bounded time.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use support::{CLOSE, TestServer, frame, handshake, in_time};
use tokio::io::AsyncReadExt;
use user_metadata_ws::Readiness;

#[tokio::test]
async fn clients_get_a_close_frame_and_the_publisher_is_dropped() {
    let server = TestServer::start().await;
    let mut clients = [
        server.join().await,
        server.open().await,
        server.join().await,
    ];
    let idle = server.connect().await;
    assert_eq!(server.status.connections(), 3);
    server.stop.cancel();
    for client in &mut clients {
        let (first, payload) = client.next_frame().await.unwrap();
        assert_eq!((first, &payload[..2]), (CLOSE, &1001_u16.to_be_bytes()[..]));
        client.send(&frame(CLOSE, &payload)).await;
    }
    drop(clients);
    assert_eq!(in_time(server.serving).await.unwrap().cut_off, 0);
    drop(idle);
    // The task ends, so no handle of the publisher is left; both joins are delivered.
    assert_eq!(in_time(server.publishing.run()).await.published, 2);
    assert_eq!(server.status.readiness(), Readiness::Draining);
    assert_eq!(server.status.connections(), 0);
}

#[tokio::test]
async fn while_draining_health_reports_it_and_new_connections_are_refused() {
    let server = TestServer::start().await;
    // It does not close its side, so draining waits for it.
    let mut last = server.join().await;
    server.stop.cancel();
    assert_eq!(last.next_frame().await.unwrap().0, CLOSE);
    let ready = server
        .connect()
        .await
        .request("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    let refused = server.connect().await.request(&handshake("")).await;
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"),
        "{refused}"
    );
    drop(last);
    assert_eq!(in_time(server.serving).await.unwrap().cut_off, 0);
}

#[tokio::test]
async fn a_client_that_does_not_close_in_time_is_cut_off() {
    let server =
        TestServer::with(|options| options.drain_timeout = Duration::from_millis(100)).await;
    let mut stubborn = server.join().await;
    server.stop.cancel();
    assert_eq!(in_time(server.serving).await.unwrap().cut_off, 1);
    let mut rest = Vec::new();
    drop(in_time(stubborn.0.read_to_end(&mut rest)).await);
    assert_eq!(rest[0], CLOSE);
}
