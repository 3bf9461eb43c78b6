//! From a join to a sink by way of a real Kafka, with the real programs, read back with independent
//! clients.
#![cfg(feature = "load")]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{DELIVERED, Database, assert_exactly_once, john_joins, joins};
use user_metadata_testing::kafka::{self, Broker};
use user_metadata_testing::process::{MetadataConsumer, WsServer};
use user_metadata_testing::{Scratch, require, until};

const TOPIC: &str = "user-metadata";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_is_a_record_that_others_can_read() {
    let broker = require!(Broker::start());
    let brokers = broker.address();
    assert_eq!(require!(kafka::partitions(&brokers, TOPIC)), None);
    let server = WsServer::start(&["--brokers", &brokers]);
    let first_lines = server.running.stderr().wait_for(&brokers);
    assert!(first_lines.contains(TOPIC), "{first_lines}");
    let reply = john_joins(&server).await;
    drop(server.running.stderr().wait_for(DELIVERED));

    let printed = kafka::console_consume(&brokers, TOPIC, 1).unwrap();
    let event: Value = serde_json::from_str(&printed[0]).unwrap();
    assert_is_johns_event(&event, &reply);
    let record = only_record(&brokers);
    assert_eq!(record["payload"], printed[0]);
    assert_eq!(record["key"], "user-123");
    assert_eq!(record["ts"], event["timestamp"]);
    assert_headers(&record["headers"], &event);
    assert_eq!(kafka::partitions(&brokers, TOPIC).unwrap(), Some(3));

    let consumer = MetadataConsumer::start(&["--brokers", &brokers]);
    let line = consumer.running.stdout().wait_for("user-123");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), event);
    assert_eq!(consumer.running.stop().code, Some(0));
    assert_eq!(server.running.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_goes_to_the_partition_that_the_java_client_chooses() {
    let broker = require!(Broker::start());
    let brokers = broker.address();
    require!(kafka::kcat(&brokers, &["-L"]));
    let server = WsServer::start(&["--brokers", &brokers]);
    let promised = joins(&server, 40, 100).await.unwrap();
    let user_ids: Vec<String> = promised.done.into_iter().map(|join| join.user_id).collect();
    assert_eq!(
        server.running.stop().code,
        Some(0),
        "a stop delivers what waits"
    );
    let ours = kafka::records(&brokers, TOPIC)
        .unwrap()
        .into_iter()
        .map(|record| {
            let record: Value = serde_json::from_str(&record).unwrap();
            let key = record["key"].as_str().unwrap().to_owned();
            (
                key,
                u32::try_from(record["partition"].as_u64().unwrap()).unwrap(),
            )
        });
    let ours: BTreeMap<String, u32> = ours.collect();
    assert_eq!(ours.len(), 40);
    let javas = kafka::java_partitions(&brokers, "by-java", 3, &user_ids).unwrap();
    assert_eq!(ours, javas);
}

fn assert_is_johns_event(event: &Value, reply: &Value) {
    assert_eq!(event["id"], reply["eventId"]);
    assert_eq!(event["userId"], "user-123");
    assert_eq!(event["username"], "John");
    assert_eq!(event["sessionId"], reply["clientId"]);
    assert_eq!(event["connectionInfo"]["clientId"], reply["clientId"]);
    assert_eq!(event["connectionInfo"]["ipAddress"], "127.0.0.1");
    let metadata = &event["metadata"];
    assert_eq!(metadata["ip"], "127.0.0.1");
    assert_eq!(metadata["browser"], "Chrome 120.0");
    assert_eq!(metadata["os"], "Windows 10");
    assert_eq!(metadata["device"], "Desktop");
    assert_eq!(metadata["language"], "en-US,en;q=0.9");
}

fn only_record(brokers: &str) -> Value {
    let records = kafka::records(brokers, TOPIC).unwrap();
    assert_eq!(records.len(), 1, "{records:?}");
    serde_json::from_str(&records[0]).unwrap()
}

fn assert_headers(headers: &Value, event: &Value) {
    let headers: Vec<&str> = headers
        .as_array()
        .unwrap()
        .iter()
        .flat_map(Value::as_str)
        .collect();
    let header = |name| {
        let at = headers.iter().position(|header| *header == name);
        headers[at.unwrap_or_else(|| panic!("no {name} in {headers:?}")) + 1]
    };
    assert_eq!(header("ce_specversion"), "1.0");
    assert_eq!(json!(header("ce_id")), event["id"]);
    assert_eq!(header("ce_type"), "user-metadata.joined.v1");
    assert!(header("ce_source").starts_with("/ws-server/"));
    assert!(header("ce_time").ends_with('Z'));
    assert_eq!(header("content-type"), "application/json");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_comes_first_makes_the_topic_with_3_partitions() {
    let broker = require!(Broker::start());
    let brokers = broker.address();
    let consumer = MetadataConsumer::start(&["--brokers", &brokers]);
    let partitions = || kafka::partitions(&brokers, TOPIC).unwrap();
    assert_eq!(until("the topic", Duration::from_secs(30), partitions), 3);
    let server = WsServer::start(&["--brokers", &brokers]);
    let reply = john_joins(&server).await;
    let id = reply["eventId"].as_str().unwrap();
    drop(consumer.running.stdout().wait_for(id));
    assert_eq!(partitions(), Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_killed_and_frozen_in_the_middle_of_joins_loses_and_doubles_nothing() {
    let mut broker = require!(Broker::start());
    let brokers = broker.address();
    let scratch = Scratch::new("outage");
    let path = scratch.file("users.sqlite");
    let server = WsServer::start(&["--brokers", &brokers]);
    let sink = format!("sqlite:{path}");
    let consumer = MetadataConsumer::start(&["--brokers", &brokers, "--sink", &sink]);
    let database = Database::open(&path);

    // For 50 s, during which the outages happen.
    let load = joins(&server, 2_000, 40);
    database.wait_for_rows(100);
    broker.kill();
    until_degraded(&server);
    broker.restart();
    database.wait_for_rows(400);
    broker.freeze();
    let frozen = Instant::now();
    until_degraded(&server);
    until("20 s", Duration::from_secs(21), || {
        (frozen.elapsed() >= Duration::from_secs(20)).then_some(())
    });
    assert!(!load.is_finished());
    broker.thaw();
    assert_exactly_once(&load.await.unwrap(), &database);
    until("/readyz to be ready again", Duration::from_secs(30), || {
        (readiness(&server) == "ready").then_some(())
    });
    assert_eq!(consumer.running.stop().code, Some(0));
    assert_eq!(server.running.stop().code, Some(0));
}

/// A degraded server is not taken out of rotation: the status stays 200.
fn until_degraded(server: &WsServer) {
    until("/readyz to be degraded", Duration::from_secs(30), || {
        (readiness(server) == "degraded").then_some(())
    });
}

fn readiness(server: &WsServer) -> String {
    let response = server.get("/readyz");
    assert_eq!(response.status, 200, "{}", response.body);
    let body: Value = serde_json::from_str(&response.body).unwrap();
    body["status"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joins_made_before_kafka_is_there_arrive_when_it_is() {
    let mut broker = require!(Broker::stopped());
    let brokers = broker.address();
    let scratch = Scratch::new("away");
    let path = scratch.file("users.sqlite");
    let server = WsServer::start(&["--brokers", &brokers]);
    let sink = format!("sqlite:{path}");
    let consumer = MetadataConsumer::start(&["--brokers", &brokers, "--sink", &sink]);
    let promised = joins(&server, 100, 100).await.unwrap();
    until_degraded(&server);
    assert_eq!(
        consumer.get("/readyz").status,
        503,
        "no sink is running in its group"
    );
    broker.restart();
    let database = Database::open(&path);
    assert_exactly_once(&promised, &database);
    let warnings = server.running.stderr().so_far();
    let warnings: Vec<_> = warnings
        .iter()
        .filter(|line| line.contains(" WARN "))
        .collect();
    assert_eq!(warnings.len(), 1, "one warning per incident: {warnings:?}");
    assert_eq!(consumer.running.stop().code, Some(0));
    assert_eq!(server.running.stop().code, Some(0));
}
