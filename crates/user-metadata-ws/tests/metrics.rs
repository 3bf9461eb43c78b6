//! The metrics are named as documented and count what happens.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use metrics_exporter_prometheus::PrometheusBuilder;
use support::{CLOSE, JOIN, TestServer, frame, handshake, in_time};

/// Two upgrades, of which one joins twice, once wrongly; a foreign page; a silent client.
async fn visits() {
    let server = TestServer::start().await;
    let mut client = server.open().await;
    for message in [r#"{"type":"join"}"#, JOIN, JOIN] {
        client.say(message).await;
        client.hear().await;
    }
    let foreign = handshake("Origin: https://evil.example\r\n");
    server.connect().await.request(&foreign).await;
    drop(server.connect().await);
    let mut second = server.open().await;
    second.send(&frame(CLOSE, &[3, 232])).await;
    assert_eq!(second.hear_close().await, 1000);
    in_time(async {
        while server.status.connections() != 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn what_happens_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(visits());
    });
    let rendered = handle.render();
    for line in [
        "user_metadata_connections 0",
        "user_metadata_connections_total 2",
        r#"user_metadata_connections_closed_total{reason="client"} 1"#,
        r#"user_metadata_connections_refused_total{reason="origin"} 1"#,
        r#"user_metadata_connections_refused_total{reason="no_request"} 1"#,
        r#"user_metadata_connections_refused_total{reason="max_connections"} 0"#,
        r#"user_metadata_joins_total{outcome="joined"} 1"#,
        r#"user_metadata_joins_total{outcome="invalid"} 1"#,
        r#"user_metadata_joins_total{outcome="already_joined"} 1"#,
        r#"user_metadata_joins_total{outcome="timeout"} 0"#,
        "user_metadata_join_seconds_count 1",
        "user_metadata_ua_cache_hits_total 0",
        "user_metadata_ua_cache_misses_total 1",
        "user_metadata_ua_cache_entries 1",
    ] {
        assert!(
            rendered.lines().any(|found| found == line),
            "{line}\n{rendered}"
        );
    }
}
