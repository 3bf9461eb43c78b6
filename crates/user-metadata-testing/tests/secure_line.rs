//! From a join to a sink by way of a Kafka with TLS and authentication, with the real programs.
#![cfg(all(feature = "load", feature = "secure"))]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::{Duration, Instant};

use support::{Database, assert_exactly_once, joins};
use user_metadata_testing::kafka::{Listener, SecureBroker};
use user_metadata_testing::process::{Lines, MetadataConsumer, WsServer};
use user_metadata_testing::{Scratch, require, until};

/// The flags of a user, with and without TLS, that has this password.
struct User {
    flags: Vec<String>,
    scratch: Scratch,
}

impl User {
    fn new(broker: &SecureBroker, listener: Listener, mechanism: &str, password: &str) -> Self {
        let scratch = Scratch::new("user");
        let file = scratch.file("password");
        std::fs::write(&file, format!("{password}\n")).unwrap();
        let mut flags = vec!["--brokers".to_owned(), broker.address(listener)];
        let login = ["--kafka-sasl", mechanism, "--kafka-password-file", &file];
        let login = [&login[..], &["--kafka-username", SecureBroker::USER]].concat();
        flags.extend(login.into_iter().map(str::to_owned));
        if listener == Listener::SaslTls {
            let ca = broker.authority().ca_file().to_owned();
            flags.extend(["--kafka-tls".to_owned(), "--kafka-ca".to_owned(), ca]);
        }
        Self { flags, scratch }
    }

    fn server(&self) -> WsServer {
        WsServer::start(&self.flags())
    }

    fn consumer(&self) -> (MetadataConsumer, String) {
        let path = self.scratch.file("users.sqlite");
        let sink = format!("sqlite:{path}");
        let flags = [self.flags(), vec!["--sink", &sink]].concat();
        (MetadataConsumer::start(&flags), path)
    }

    fn flags(&self) -> Vec<&str> {
        self.flags.iter().map(String::as_str).collect()
    }
}

fn warnings(lines: &Lines) -> Vec<String> {
    let lines = lines.so_far().into_iter();
    lines.filter(|line| line.contains(" WARN ")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_are_stored_by_way_of_tls_and_scram_and_the_password_is_shown_nowhere() {
    let broker = require!(SecureBroker::start());
    let password = SecureBroker::PASSWORD;
    let user = User::new(&broker, Listener::SaslTls, "scram-sha-512", password);
    let (server, (consumer, path)) = (user.server(), user.consumer());
    let promised = joins(&server, 50, 100).await.unwrap();
    assert_exactly_once(&promised, &Database::open(&path));
    let output = [
        server.admin("/status").body,
        consumer.get("/status").body,
        server.running.stop().stderr.join("\n"),
        consumer.running.stop().stderr.join("\n"),
    ];
    for text in output {
        assert!(!text.contains(password), "{text}");
        assert!(!text.contains(" WARN "), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_in_clear_is_warned_of_once() {
    let broker = require!(SecureBroker::start());
    let password = SecureBroker::PASSWORD;
    let user = User::new(&broker, Listener::Sasl, "plain", password);
    let (server, (consumer, path)) = (user.server(), user.consumer());
    let promised = joins(&server, 5, 100).await.unwrap();
    assert_exactly_once(&promised, &Database::open(&path));
    for lines in [server.running.stderr(), consumer.running.stderr()] {
        let warnings = warnings(lines);
        // On a busy machine, a new topic may have no leaders for long enough for a warning.
        let of_password = warnings.iter().filter(|line| line.contains("--kafka-tls"));
        assert_eq!(of_password.count(), 1, "{warnings:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_one_line_and_everything_arrives_once_it_is_right() {
    let broker = require!(SecureBroker::start());
    let user = User::new(&broker, Listener::Sasl, "scram-sha-256", "s3cret");
    let start = Instant::now();
    let (server, (consumer, path)) = (user.server(), user.consumer());
    let promised = joins(&server, 50, 100).await.unwrap();
    let refuses = "Kafka refuses the user `app` with SCRAM-SHA-256";
    for status in [&|| server.admin("/status"), &|| consumer.get("/status")]
        as [&dyn Fn() -> user_metadata_testing::http::Response; 2]
    {
        until("the refusal", Duration::from_secs(30), || {
            status().body.contains(refuses).then_some(())
        });
    }
    assert!(!server.get("/readyz").body.contains("app"));
    // Two programs, each at most once in 15 s.
    until("more attempts", Duration::from_secs(60), || {
        (broker.refused() >= 3).then_some(())
    });
    assert!(start.elapsed() >= Duration::from_secs(15));
    broker.change_password("SCRAM-SHA-256", "s3cret").unwrap();
    assert_exactly_once(&promised, &Database::open(&path));
    let programs = [
        (server.running, "events get through again"),
        (consumer.running, "over:"),
    ];
    for (running, over) in programs {
        drop(running.stderr().wait_for(over));
        let warnings = warnings(running.stderr());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(refuses), "{warnings:?}");
        let ended = running.stop();
        assert_eq!(ended.code, Some(0));
        assert!(!ended.stderr.join("\n").contains("s3cret"));
    }
}
