//! From joins to Redis, with the real programs, while they are killed.
#![cfg(feature = "load")]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use support::joins;
use user_metadata_testing::kafka::Broker;
use user_metadata_testing::process::{MetadataConsumer, WsServer};
use user_metadata_testing::redis::{self, Server};
use user_metadata_testing::{require, until};

/// How many joins Redis has counted.
fn counted(redis: &Server) -> usize {
    let url = redis.url();
    let cli = |command: &[&str]| redis::cli(&url, command).unwrap();
    let days = cli(&["KEYS", "um:day:*"]);
    let days = days.iter().filter(|day| !day.is_empty());
    let counts = days.map(|day| cli(&["HGET", day, "all"])[0].parse::<usize>().unwrap());
    counts.sum()
}

fn wait_for(redis: &Server, count: usize) {
    until(&format!("{count} joins"), Duration::from_secs(60), || {
        (counted(redis) >= count).then_some(())
    });
}

/// The last event of every user.
const EVENTS: &str = "local events = {} for _, key in ipairs(redis.call('KEYS', 'um:u:*')) do
    events[#events + 1] = redis.call('HGET', key, 'event') end return events";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_and_the_consumer_killed_by_turns_lose_and_double_nothing() {
    let broker = require!(Broker::start());
    let mut redis = require!(Server::start());
    require!(redis::cli(&redis.url(), &["PING"]));
    let server = WsServer::start(&["--brokers", &broker.address()]);
    let (brokers, sink) = (broker.address(), redis.url());
    let flags = ["--brokers", &*brokers, "--sink", &*sink];
    let consumer = MetadataConsumer::start(&flags);

    let load = joins(&server, 2_000, 80);
    wait_for(&redis, 300);
    redis.kill();
    redis.restart();
    wait_for(&redis, 700);
    drop(consumer.running.kill());
    let consumer = MetadataConsumer::start(&flags);
    wait_for(&redis, 1_100);
    redis.kill();
    // A power cut, too: the end of what was written is lost, synced or not.
    redis.lose(20_000);
    redis.restart();
    let promised = load.await.unwrap();
    wait_for(&redis, 2_000);
    assert_eq!(counted(&redis), 2_000);
    let events = redis::cli(&redis.url(), &["EVAL", EVENTS, "0"]).unwrap();
    let events: BTreeSet<_> = events.iter().collect();
    let promised: BTreeSet<_> = promised.done.iter().map(|join| &join.event_id).collect();
    assert_eq!(events, promised);
    assert_eq!(consumer.running.stop().code, Some(0));
    assert_eq!(server.running.stop().code, Some(0));
}
