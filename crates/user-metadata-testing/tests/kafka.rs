//! The broker does what tests rely on, according to Kafka's own client and kcat.
#![allow(clippy::unwrap_used)]

use std::net::TcpStream;

use user_metadata_testing::kafka::{
    Broker, console_consume, java_partitions, kcat, partitions, records, shared,
};
use user_metadata_testing::process::Program;
use user_metadata_testing::require;

fn produce(brokers: &str, topic: &str, line: &str) {
    let script = format!("printf '%s' '{line}' | kcat -b {brokers} -P -t {topic} -k a");
    let ended = Program::new("/bin/sh")
        .args(["-c", &script])
        .start()
        .unwrap()
        .wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[test]
fn a_killed_broker_comes_back_on_its_port_with_its_records() {
    let mut broker = require!(Broker::start());
    let address = broker.address();
    require!(kcat(&address, &["-L"]));
    produce(&address, "kept", "one");
    broker.kill();
    TcpStream::connect(&address).unwrap_err();
    broker.restart();
    assert_eq!(broker.address(), address);
    assert_eq!(console_consume(&address, "kept", 1).unwrap(), ["one"]);
}

#[test]
fn a_frozen_broker_takes_connections_and_answers_once_it_is_thawed() {
    let broker = require!(Broker::start());
    let address = broker.address();
    broker.freeze();
    TcpStream::connect(&address).unwrap();
    let asked = Program::new("/bin/sh")
        .args(["-c", &format!("kcat -b {address} -L -m 30")])
        .start()
        .unwrap();
    broker.thaw();
    assert_eq!(asked.wait().code, Some(0));
}

#[test]
fn kcat_sees_records_and_partitions_and_makes_no_topic_by_asking() {
    let brokers = require!(shared());
    let topic = format!("seen-by-kcat-{}", std::process::id());
    assert_eq!(require!(partitions(&brokers, &topic)), None);
    assert_eq!(partitions(&brokers, &topic).unwrap(), None);
    produce(&brokers, &topic, "two");
    assert!(partitions(&brokers, &topic).unwrap().is_some());
    let records = records(&brokers, &topic).unwrap();
    assert_eq!(records.len(), 1);
    assert!(
        records[0].contains(r#""key":"a","payload":"two""#),
        "{records:?}"
    );
}

#[test]
fn kafkas_own_producer_spreads_keys_and_keeps_each_in_its_place() {
    let brokers = require!(shared());
    require!(kcat(&brokers, &["-L"]));
    let keys: Vec<String> = (0..30).map(|number| format!("key-{number}")).collect();
    let placed = |topic: &str| {
        let topic = format!("{topic}-{}", std::process::id());
        java_partitions(&brokers, &topic, 3, &keys).unwrap()
    };
    let first = placed("first");
    assert_eq!(first.len(), keys.len());
    for partition in 0..3 {
        assert!(
            first.values().any(|placed| *placed == partition),
            "{first:?}"
        );
    }
    assert_eq!(first, placed("second"));
}
