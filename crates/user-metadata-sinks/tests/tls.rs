//! Which certificates a sink trusts.
#![cfg(feature = "webhook")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use user_metadata_consumer::{Sink, SinkError};
use user_metadata_sinks::{BuiltinSink, SinkUrl};

/// A server for `localhost` with a self-signed certificate.
fn serve() -> (SocketAddr, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, socket.unwrap());
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok_and(|bytes| bytes > 0) {
                drop(stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"));
                drop(stream.flush());
            }
        }
    });
    (address, made.cert.pem())
}

fn sink(url: &str) -> BuiltinSink {
    url.parse::<SinkUrl>().unwrap().open().unwrap()
}

#[tokio::test]
async fn a_sink_trusts_the_authority_that_it_is_given_and_nobody_else() {
    let (address, pem) = serve();
    let dir = tempfile::tempdir().unwrap();
    let (ca, key) = (dir.path().join("ca.pem"), dir.path().join("key"));
    std::fs::write(&ca, pem).unwrap();
    std::fs::write(&key, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let (port, key) = (address.port(), key.display());
    let batch = [support::event(1, |_| {})];

    let url = format!("webhook:https://localhost:{port}/?secret-file={key}");
    let trusting = format!("{url}&ca={}", ca.display());
    assert_eq!(sink(&trusting).write(&batch).await.unwrap(), []);

    // Another name than the certificate's.
    let elsewhere = trusting.replace("localhost", "127.0.0.1");
    for url in [url, elsewhere] {
        let Err(SinkError::Unavailable { source, .. }) = sink(&url).write(&batch).await else {
            panic!("{url} is trusted");
        };
        let words = support::in_words(&*source);
        assert!(words.contains("certificate"), "{words}");
    }
}

#[test]
fn a_file_without_certificates_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let path = path.display();
    let url = format!("webhook:https://localhost/?secret-file={path}&ca={path}");
    let error = url.parse::<SinkUrl>().unwrap().open().unwrap_err();
    assert!(
        error.to_string().starts_with("the certificates in "),
        "{error}"
    );
}
