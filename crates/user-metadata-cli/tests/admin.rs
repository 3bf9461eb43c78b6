//! The operators' endpoints, over a socket.
#![allow(clippy::unwrap_used, reason = "a test that can't connect has failed")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use user_metadata_cli::{Admin, Health, Readiness, Recorder};

#[derive(Default)]
struct Switch {
    broken: AtomicBool,
}

impl Health for Switch {
    fn readiness(&self) -> Readiness {
        if self.broken.load(Ordering::Relaxed) {
            Readiness::NotReady(vec!["no sink runs".to_owned()])
        } else {
            Readiness::Degraded(vec!["Kafka is away".to_owned()])
        }
    }

    fn status(&self) -> Value {
        json!({ "since": "2026-11-24T08:00:00.000Z" })
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let code = head.split(' ').nth(1).unwrap().parse().unwrap();
    (code, body.to_owned())
}

#[tokio::test]
async fn endpoints_report_what_the_program_reports() {
    let recorder = Recorder::install().unwrap();
    let admin = Admin::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, stop) = (admin.address(), CancellationToken::new());
    let health = Arc::new(Switch::default());
    let served = tokio::spawn(admin.serve(Arc::clone(&health) as _, recorder, stop.clone()));

    let ready = r#"{"reasons":["Kafka is away"],"status":"degraded"}"#.to_owned();
    assert_eq!(ask(address, "GET", "/readyz").await, (200, ready));
    health.broken.store(true, Ordering::Relaxed);
    let ready = r#"{"reasons":["no sink runs"],"status":"not_ready"}"#.to_owned();
    assert_eq!(ask(address, "GET", "/readyz").await, (503, ready));

    assert_eq!(ask(address, "GET", "/livez").await.0, 200);
    assert!(
        ask(address, "GET", "/status")
            .await
            .1
            .contains("2026-11-24T08:00:00.000Z")
    );
    metrics::counter!("user_metadata_test_total", "sink" => "a").increment(2);
    let (code, text) = ask(address, "GET", "/metrics").await;
    assert_eq!(code, 200);
    assert!(
        text.contains("user_metadata_test_total{sink=\"a\"} 2"),
        "{text}"
    );
    assert_eq!(ask(address, "POST", "/status").await.0, 405);
    assert_eq!(ask(address, "GET", "/secret").await.0, 404);

    let taken = Admin::bind(address).await.unwrap_err();
    assert_eq!(
        taken.to_string(),
        format!("can't listen on {address}; is the port taken?")
    );

    let idle = TcpStream::connect(address).await.unwrap();
    stop.cancel();
    served.await.unwrap();
    drop(idle);
}
