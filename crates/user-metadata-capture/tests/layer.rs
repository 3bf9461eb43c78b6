//! The layer captures, the extractor returns it.
#![cfg(feature = "axum")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::{Router, routing::get};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower_service::Service;
use user_metadata_capture::{Capture, CaptureLayer, ConnectionContext};

fn at_noon() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(12 * 60 * 60)
}

fn layer() -> CaptureLayer {
    CaptureLayer::new(Capture::default(), at_noon)
}

async fn describe(context: ConnectionContext) -> String {
    let (ip, user_agent) = (context.ip().unwrap(), context.user_agent().unwrap());
    format!("{ip} {user_agent} {}", context.connection_time())
}

async fn answer(layer: CaptureLayer, request: Request<Body>) -> (StatusCode, String) {
    let mut app = Router::new().route("/", get(describe)).layer(layer);
    let response = app.call(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn request() -> Request<Body> {
    Request::builder()
        .header(header::USER_AGENT, "curl/8.5.0")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn the_peer_comes_from_axum_or_from_a_plain_address_or_from_the_layer() {
    let peer: SocketAddr = "203.0.113.7:4711".parse().unwrap();
    let mut by_axum = request();
    by_axum.extensions_mut().insert(ConnectInfo(peer));
    let mut plain = request();
    plain.extensions_mut().insert(peer);
    for (layer, request) in [
        (layer(), by_axum),
        (layer(), plain),
        (layer().with_peer(peer.ip()), request()),
    ] {
        let expected = "203.0.113.7 curl/8.5.0 1970-01-01T12:00:00.000Z";
        assert_eq!(
            answer(layer, request).await,
            (StatusCode::OK, expected.to_owned())
        );
    }
}

#[tokio::test]
async fn without_a_peer_the_extractor_says_what_is_missing() {
    let (status, message) = answer(layer(), request()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        message.contains("into_make_service_with_connect_info"),
        "{message}"
    );
}
