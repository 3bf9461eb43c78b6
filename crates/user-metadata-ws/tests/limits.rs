//! Connections over the limit are refused with an answer, and the others are served.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::process::Stdio;

use support::{Client, JOIN, TestServer, handshake, in_time};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

#[tokio::test]
async fn over_the_limit_is_503_until_a_client_leaves() {
    let server = TestServer::with(|options| options.max_connections = 2).await;
    let mut first = server.join().await;
    let _second = server.join().await;
    let mut third = server.connect().await;
    let refused = third.request(&handshake("")).await;
    assert!(
        refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"),
        "{refused}"
    );
    // Health requests are still answered.
    let live = server
        .connect()
        .await
        .request("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        .await;
    assert!(live.starts_with("HTTP/1.1 200"), "{live}");

    first.send(&support::frame(support::CLOSE, &[3, 232])).await;
    assert_eq!(first.hear_close().await, 1000);
    drop(first);
    in_time(async {
        while !server
            .connect()
            .await
            .request(&handshake(""))
            .await
            .starts_with("HTTP/1.1 101")
        {}
    })
    .await;
}

/// Serves with few file descriptors until its standard input ends. Run by the test below, in a
/// process of its own.
#[tokio::test]
#[ignore = "is no test by itself"]
async fn serve_with_few_file_descriptors() {
    let server = TestServer::start().await;
    println!("listening on {}", server.address);
    tokio::io::stdin()
        .read_to_end(&mut Vec::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn without_file_descriptors_accepting_waits_and_goes_on() {
    let this = std::env::current_exe().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", r#"ulimit -n 48; exec "$0" --exact --ignored --nocapture serve_with_few_file_descriptors"#])
        .arg(this)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = in_time(async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the address");
            if let Some((_, address)) = line.split_once("listening on ") {
                return address.to_owned();
            }
        }
    })
    .await;

    // More than it can have: the last ones wait in the backlog.
    let mut clients = Vec::new();
    for _ in 0..60 {
        let mut client = Client(TcpStream::connect(&address).await.unwrap());
        client.send(handshake("").as_bytes()).await;
        clients.push(client);
    }
    let mut last = clients.pop().unwrap();
    let waited =
        tokio::time::timeout(std::time::Duration::from_millis(200), last.0.peek(&mut [0])).await;
    assert!(waited.is_err(), "there were file descriptors for all");
    drop(clients);
    assert!(last.head().await.starts_with("HTTP/1.1 101"));
    last.say(JOIN).await;
    assert_eq!(last.hear().await["type"], "joined");
    drop(child.stdin.take());
    assert!(in_time(child.wait()).await.unwrap().success());
}
