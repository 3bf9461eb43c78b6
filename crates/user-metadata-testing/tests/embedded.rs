//! From a join to a sink by way of the embedded log, with the real programs.
#![cfg(all(feature = "browser", feature = "load"))]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use serde_json::Value;
use support::{DELIVERED, Database, assert_exactly_once, chrome_on_windows_11, joins};
use user_metadata_testing::browser::Browser;
use user_metadata_testing::process::{MetadataConsumer, Program, WsServer};
use user_metadata_testing::{Port, Scratch, require, until};

#[test]
fn a_join_in_a_real_browser_is_a_row_in_the_database() {
    let browser = require!(Browser::start());
    let scratch = Scratch::new("walk-through");
    let data = scratch.file("data");
    let database = scratch.file("users.sqlite");
    let server = WsServer::start(&["--data-dir", &data]);
    let sink = format!("sqlite:{database}");
    let consumer = MetadataConsumer::start(&["--data-dir", &data, "--sink", &sink]);

    browser.pass_as(&chrome_on_windows_11());
    browser.open(&format!("http://{}/", server.listen()));
    browser.fill_in("#username", "John");
    browser.fill_in("#id", "user-123");
    browser.click("#submit");
    let facts = browser.wait_for_text("#facts", |shown| !shown.is_empty());
    for fact in ["Chrome 141.0", "Windows 11", "Desktop", "127.0.0.1"] {
        assert!(facts.contains(fact), "{fact}: {facts}");
    }
    let page_adapts = browser.run("return document.documentElement.dataset.device");
    assert_eq!(page_adapts, "desktop");
    let reply = browser.run("return JSON.parse(document.getElementById('reply').textContent)");

    let line = server.running.stderr().wait_for(DELIVERED);
    assert!(
        !line.contains("127.0.0.1"),
        "no address in a log line: {line}"
    );
    let database = Database::open(&database);
    database.wait_for_rows(1);
    let columns = "id, user_id, username, session_id, client_id, ip, browser, os, device, language";
    let row = database.row_of("user-123", columns);
    let output = |name: &str| reply[name].as_str().unwrap().to_owned();
    let expected = [
        output("eventId"),
        "user-123".into(),
        "John".into(),
        output("sessionId"),
        output("clientId"),
        "127.0.0.1".into(),
        "Chrome 141.0".into(),
        "Windows 11".into(),
        "Desktop".into(),
        "de-CH,de;q=0.9".into(),
    ];
    assert_eq!(row, expected);
    let details = &database.row_of("user-123", "details")[0];
    let details: Value = serde_json::from_str(details).unwrap();
    assert_eq!(details["agent"]["browser"]["version"], "141.0.7390.123");
    assert_eq!(details["claimedHints"], true);
    assert!(details["screen"]["width"].as_u64() > Some(0), "{details}");
    assert!(details["timezone"].is_string(), "{details}");

    assert_eq!(server.running.stop().code, Some(0));
    assert_eq!(consumer.running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_killed_again_and_again_loses_and_doubles_nothing() {
    let scratch = Scratch::new("killed-consumer");
    let data = scratch.file("data");
    let database = scratch.file("users.sqlite");
    let sink = format!("sqlite:{database}");
    let flags = [
        "--data-dir",
        &data,
        "--sink",
        &sink,
        "--batch-max-events",
        "100",
    ];
    let server = WsServer::start(&["--data-dir", &data]);
    let mut consumer = MetadataConsumer::start(&flags);
    let stored = Database::open(&database);

    let load = joins(&server, 3_000, 300);
    for rows in [200, 700, 1_500, 2_300] {
        until(&format!("{rows} rows"), Duration::from_secs(60), || {
            (stored.rows() >= rows).then_some(())
        });
        drop(consumer.running.kill());
        consumer = MetadataConsumer::start(&flags);
    }
    assert_exactly_once(&load.await.unwrap(), &stored);
    assert_eq!(consumer.running.stop().code, Some(0));
}

#[test]
fn a_second_writer_of_the_same_file_is_sent_to_kafka() {
    let scratch = Scratch::new("two-writers");
    let data = scratch.file("data");
    let first = WsServer::start(&["--data-dir", &data]);
    let ports = [Port::free().to_string(), Port::free().to_string()];
    let second = Program::built("ws-server")
        .args([
            "--data-dir",
            &data,
            "--listen",
            &ports[0],
            "--admin-listen",
            &ports[1],
        ])
        .start();
    let refused = second.unwrap().wait();
    let said = refused.stderr.join("\n");
    assert_eq!(refused.code, Some(2), "{said}");
    assert!(
        said.contains("--data-dir") && said.contains("Kafka"),
        "{said}"
    );

    let first_reader = MetadataConsumer::start(&["--data-dir", &data]);
    let port = Port::free().to_string();
    let second = Program::built("metadata-consumer")
        .args(["--data-dir", &data, "--listen", &port])
        .start();
    let refused = second.unwrap().wait();
    let said = refused.stderr.join("\n");
    assert_eq!(refused.code, Some(2), "{said}");
    assert!(said.contains("Kafka"), "{said}");

    assert_eq!(first_reader.running.stop().code, Some(0));
    assert_eq!(first.running.stop().code, Some(0));
}
