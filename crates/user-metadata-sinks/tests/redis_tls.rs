//! Redis over TLS: the named authority is trusted, and no other.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, reason = "tests")]

use user_metadata_consumer::{Sink as _, SinkError};
use user_metadata_sinks::{Presence, SinkUrl};
use user_metadata_testing::kafka::Authority;
use user_metadata_testing::redis::Server;
use user_metadata_testing::{Port, require};

#[tokio::test]
async fn a_server_is_trusted_if_the_named_authority_signed_its_certificate() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("redis", &["localhost"]);
    let port = Port::free();
    let number = port.number().to_string();
    let tls = [
        ["--tls-port", &number],
        ["--tls-cert-file", &certificate],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", authority.ca_file()],
        ["--tls-auth-clients", "no"],
    ];
    let _server = require!(Server::with(tls.as_flattened()));
    let url = |ca: &str| format!("rediss://localhost:{number}?ca={ca}");
    let trusted = url(authority.ca_file());
    let mut sink = trusted.parse::<SinkUrl>().unwrap().open().unwrap();
    sink.prepare().await.unwrap();
    let presence = Presence::connect(&trusted).await.unwrap();
    assert_eq!(presence.latest("nobody").await.unwrap(), None);

    let other = Authority::new();
    for url in [url(other.ca_file()), format!("rediss://localhost:{number}")] {
        let mut sink = url.parse::<SinkUrl>().unwrap().open().unwrap();
        let error = sink.prepare().await.unwrap_err();
        assert!(!matches!(error, SinkError::Closed), "{error:?}");
        assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
    }
    let missing = url("/nowhere/ca.pem").parse::<SinkUrl>().unwrap();
    let error = missing.open().unwrap_err().to_string();
    assert!(error.contains("/nowhere/ca.pem"), "{error}");
}
