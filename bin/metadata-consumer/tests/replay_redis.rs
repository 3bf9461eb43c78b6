//! A replay into Redis beside a consumer that is behind: both count, and nothing is missing.
#![cfg(all(feature = "kafka", feature = "sqlite", feature = "redis"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use support::{LONG, Topic, said};
use user_metadata_testing::redis::{cli, shared};
use user_metadata_testing::{kafka, require, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ahead_of_the_group_takes_no_count_from_it() {
    ahead(Topic::embedded(), &require!(shared())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_it_on_kafka() {
    let topic = Topic::on_kafka(require!(kafka::shared()));
    ahead(topic, &require!(shared())).await;
}

async fn ahead(topic: Topic, redis: &str) {
    let prefix = format!("{}:", topic.scratch.path().display());
    let sink = format!("{redis}?prefix={prefix}");
    // Those of an hour ago, which may have been yesterday.
    let joins = || {
        let days = cli(redis, &["KEYS", &format!("{prefix}day:*")]).unwrap();
        let days = days.iter().filter(|day| !day.is_empty());
        let counts = days.map(|day| cli(redis, &["HGET", day, "all"]).unwrap()[0].parse::<u64>());
        counts.map(Result::unwrap).sum::<u64>()
    };
    let consume = |expected: u64| {
        let running = topic.start(&["run", "--listen", "127.0.0.1:0"], &["--sink", &sink]);
        until(&format!("{expected} joins"), LONG, || {
            (joins() >= expected).then_some(())
        });
        let ended = running.stop();
        assert_eq!(ended.code, Some(0), "{}", said(&ended));
        assert_eq!(joins(), expected);
    };
    topic
        .publish((0..100).map(|number| topic.record(number)))
        .await;
    consume(100);
    topic
        .publish((100..300).map(|number| topic.record(number)))
        .await;
    let from = topic.at(200).to_string();
    let ended = topic.replay(&["--from", &from, "--sink", &sink]);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert_eq!(joins(), 100, "{}", said(&ended));
    let newest = cli(redis, &["HGET", &format!("{prefix}u:user-19"), "username"]).unwrap();
    assert_eq!(newest, ["299"]);
    consume(300);
    let ended = topic.replay(&["--from", "earliest", "--sink", &sink]);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert_eq!(joins(), 300);
}
