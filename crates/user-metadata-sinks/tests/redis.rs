//! Which data of users the Redis sink keeps: read back with redis-cli and with `Presence`.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime};

use support::event;
use user_metadata_consumer::{Delivery, Rejection, Sink as _, SinkError};
use user_metadata_events::{UnixMillis, UserMetadataEvent};
use user_metadata_sinks::{BuiltinSink, Facet, Presence, SinkUrl};
use user_metadata_testing::redis::{Server, cli, shared};
use user_metadata_testing::{Scratch, require, until};

/// Keys of a test's own.
fn own(url: &str, test: &str) -> String {
    let process = std::process::id();
    format!("{url}?prefix={test}-{process}:")
}

fn key(url: &str, key: &str) -> String {
    let (_, prefix) = url.split_once("?prefix=").unwrap();
    format!("{prefix}{key}")
}

fn open(url: &str) -> BuiltinSink {
    url.parse::<SinkUrl>().unwrap().open().unwrap()
}

/// An event at an offset, `ago` milliseconds ago.
fn at(offset: u64, ago: u64, change: impl FnOnce(&mut UserMetadataEvent)) -> Delivery {
    let now = UnixMillis::from(SystemTime::now()).as_u64();
    let mut delivery = event(u32::try_from(offset).unwrap(), |event| {
        event.timestamp = UnixMillis::new(now - ago).unwrap();
        change(event);
    });
    delivery.position.offset = offset;
    delivery
}

fn of_user(user: &str) -> impl FnOnce(&mut UserMetadataEvent) {
    let user = user.to_owned();
    move |event| event.user_id = user
}

async fn write(sink: &mut BuiltinSink, batch: &[Delivery]) {
    assert_eq!(sink.write(batch).await.unwrap(), []);
}

/// How many joins Redis has counted on all days.
fn joins(url: &str) -> u64 {
    let (server, _) = url.split_once('?').unwrap();
    let days = cli(server, &["KEYS", &key(url, "day:*")]).unwrap();
    let days = days.iter().filter(|day| !day.is_empty());
    let counts = days.map(|day| cli(server, &["HGET", day, "all"]).unwrap()[0].parse::<u64>());
    counts.map(Result::unwrap).sum()
}

#[tokio::test]
async fn a_page_learns_what_a_user_is_on_and_who_is_online() {
    let url = own(&require!(shared()), "page");
    let mut sink = open(&url);
    sink.prepare().await.unwrap();
    let presence = Presence::connect(&url).await.unwrap();
    let window = Duration::from_secs(300);
    assert_eq!(presence.latest("user-123").await.unwrap(), None);
    assert_eq!(presence.online(window).await.unwrap().users, 0);
    let on_a_phone = |event: &mut UserMetadataEvent| {
        event.user_id = "jane".to_owned();
        event.metadata.device = Some("Mobile".to_owned());
        event.metadata.browser = Some("Mobile Safari 17.2".to_owned());
        event.metadata.os = Some("iOS 17.2".to_owned());
    };
    let batch = [
        at(0, 900, of_user("user-123")),
        at(1, 800, on_a_phone),
        // Longer ago than is asked for, and longer than the sink keeps.
        at(2, 600_000, of_user("earlier")),
        at(3, 6_000_000, of_user("long-ago")),
    ];
    write(&mut sink, &batch).await;

    let john = presence.latest("user-123").await.unwrap().unwrap();
    assert_eq!(john.device.as_deref(), Some("Desktop"));
    assert_eq!(john.browser.as_deref(), Some("Chrome 120.0"));
    assert_eq!(john.ip.as_deref(), Some("203.0.113.7"));
    assert_eq!(john.timestamp, batch[0].event.timestamp);
    let online = presence.online(window).await.unwrap();
    assert_eq!(online.users, 2);
    let devices = online.devices.into_iter().collect::<Vec<_>>();
    assert_eq!(devices, [("Desktop".into(), 1), ("Mobile".into(), 1)]);
    let systems = presence.online_from(Facet::Os, window).await.unwrap();
    let systems = systems.into_iter().collect::<Vec<_>>();
    assert_eq!(systems, [("Windows".into(), 1), ("iOS".into(), 1)]);
    let lately = presence.online(Duration::from_secs(1_200)).await.unwrap();
    assert_eq!(lately.users, 3);
    assert_eq!(joins(&url), 4);
    let at = batch[1].event.timestamp;
    assert_eq!(presence.day(at).await.unwrap()["d:Mobile"], 1);
}

#[tokio::test]
async fn the_newest_event_of_a_user_wins_in_whatever_order_they_come() {
    let url = own(&require!(shared()), "order");
    let (server, _) = url.split_once('?').unwrap();
    let mut sink = open(&url);
    let named = |offset, ago, name: &str| {
        at(offset, ago, |event| {
            event.username = name.to_owned();
            if name == "newest" {
                event.metadata.language = None;
            }
        })
    };
    let batches = [
        vec![named(0, 300, "oldest"), named(2, 200, "older")],
        vec![named(3, 100, "newest"), named(4, 400, "late")],
        vec![named(5, 250, "later still")],
    ];
    for batch in &batches {
        write(&mut sink, batch).await;
    }
    let hash = key(&url, "u:user-123");
    let fields = ["HMGET", &hash, "username", "language", "timestamp"];
    let newest = batches[1][0].event.timestamp.as_u64().to_string();
    assert_eq!(cli(server, &fields).unwrap(), ["newest", "", &newest]);
    let time_to_live = &cli(server, &["TTL", &hash]).unwrap()[0];
    let days = time_to_live.parse::<u64>().unwrap() / 86_400;
    assert!((29..=30).contains(&days), "{time_to_live}");
    assert_eq!(joins(&url), 5);
}

#[tokio::test]
async fn redelivered_events_are_counted_once_and_a_recreated_topic_from_its_start() {
    let url = own(&require!(shared()), "again");
    let batch: Vec<_> = (0..600).map(|n| at(n, 5_000 - n, of_user("a"))).collect();
    let mut sink = open(&url);
    write(&mut sink, &batch).await;
    write(&mut sink, &batch[300..]).await;
    // Another process: it does not know what this one knows.
    write(&mut open(&url), &batch).await;
    assert_eq!(joins(&url), 600);

    let recreated: Vec<_> = (0..50).map(|n| at(n, 200 - n, of_user("b"))).collect();
    write(&mut sink, &recreated).await;
    write(&mut sink, &recreated).await;
    write(&mut open(&url), &recreated).await;
    assert_eq!(joins(&url), 650);
    write(&mut sink, &[at(50, 0, of_user("b"))]).await;
    assert_eq!(joins(&url), 651);
}

#[tokio::test]
async fn an_event_of_the_future_is_rejected_alone_and_freezes_no_user() {
    let url = own(&require!(shared()), "future");
    let mut batch = [0, 1, 2].map(|n| at(n, 1_000 - n, of_user("ann")));
    let far = Duration::from_secs(3 * 365 * 86_400);
    batch[1].event.timestamp = batch[1].event.timestamp.saturating_add(far);
    let rejected = open(&url).write(&batch).await.unwrap();
    assert_eq!(rejected, [Rejection::new(1, "timestamp_out_of_range")]);
    assert_eq!(joins(&url), 2);
    let presence = Presence::connect(&url).await.unwrap();
    let ann = presence.latest("ann").await.unwrap().unwrap();
    assert_eq!(ann.timestamp, batch[2].event.timestamp);
}

#[tokio::test]
async fn a_replay_ahead_of_the_group_takes_no_count_from_it() {
    let url = own(&require!(shared()), "ahead");
    let events: Vec<_> = (0..300).map(|n| at(n, 5_000 - n, of_user("a"))).collect();
    let replay = |from: u64, range: std::ops::Range<usize>| {
        let mut events = events[range].to_vec();
        for delivery in &mut events {
            delivery.replayed_from = Some(from);
        }
        events
    };
    write(&mut open(&url), &events[..100]).await;
    // With the address filter, which rebuilds the deliveries.
    let mut replaying = open(&format!("{url}&ip=truncate"));
    write(&mut replaying, &replay(200, 200..300)).await;
    assert_eq!(joins(&url), 100, "what lies between is the group's");
    let presence = Presence::connect(&url).await.unwrap();
    let latest = presence.latest("a").await.unwrap().unwrap();
    assert_eq!(latest.timestamp, events[299].event.timestamp);
    // A replay that begins below what is counted has no gap, although 120 was not an event.
    write(&mut replaying, &replay(50, 50..120)).await;
    write(&mut replaying, &replay(50, 121..150)).await;
    assert_eq!(joins(&url), 149);
    write(&mut open(&url), &events[100..120]).await;
    write(&mut open(&url), &events[121..]).await;
    assert_eq!(joins(&url), 299);
    // Under another prefix, from the first record that the topic still has.
    let fresh = own(&require!(shared()), "ahead-fresh");
    write(&mut open(&fresh), &replay(0, 100..300)).await;
    assert_eq!(joins(&fresh), 200);
}

#[tokio::test]
async fn what_redis_lost_in_a_crash_is_written_again() {
    let mut server = require!(Server::start());
    let url = own(&server.url(), "crash");
    let mut sink = open(&url);
    write(&mut sink, &[at(0, 900, of_user("first"))]).await;
    let batch: Vec<_> = (1..1_000)
        .map(|n| at(n, 1_500 - n, of_user("lost")))
        .collect();
    write(&mut sink, &batch).await;
    assert_eq!(joins(&url), 1_000);
    server.kill();
    // The whole second batch and the end of the first.
    server.lose(u64::MAX);
    server.restart();
    assert_eq!(joins(&url), 0);

    let again = async {
        let next = [at(1_000, 0, of_user("next"))];
        while let Err(error) = sink.write(&next).await {
            assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again)
        .await
        .unwrap();
    assert_eq!(joins(&url), 1_001);
    let presence = Presence::connect(&url).await.unwrap();
    for user in ["first", "lost", "next"] {
        assert!(presence.latest(user).await.unwrap().is_some(), "{user}");
    }
}

#[tokio::test]
async fn a_password_comes_from_a_file_and_a_wrong_one_ends_the_sink() {
    let server = require!(Server::with(&["--requirepass", "swordfish"]));
    let scratch = Scratch::new("redis-password");
    let file = scratch.file("password");
    let url = format!("{}?password-file={file}", server.url());
    fs::write(&file, "swordfish\n").unwrap();
    open(&url).prepare().await.unwrap();
    fs::write(&file, "sardine\n").unwrap();
    let no_password = server.url();
    let in_url = server.url().replace("//", "//:sardine@");
    for url in [&url, &no_password, &in_url] {
        let error = open(url).prepare().await.unwrap_err();
        let said = format!("{error:?}");
        assert!(matches!(error, SinkError::Fatal(_)), "{said}");
        assert!(!said.contains("sardine"), "{said}");
    }
}

#[tokio::test]
async fn what_may_pass_is_waited_for_and_what_may_not_is_fatal() {
    let server = require!(Server::start());
    let url = server.url();
    let is_unavailable = async |url: &str| {
        let mut sink = open(url);
        let prepared = sink.prepare().await;
        let written = match prepared {
            Ok(()) => sink.write(&[at(0, 0, of_user("a"))]).await.map(drop),
            Err(error) => Err(error),
        };
        let error = written.unwrap_err();
        assert!(!matches!(error, SinkError::Closed));
        matches!(error, SinkError::Unavailable { .. })
    };
    let set = |name: &str, value: &str| {
        assert_eq!(cli(&url, &["CONFIG", "SET", name, value]).unwrap()[0], "OK");
    };
    set("maxmemory", "1");
    assert!(is_unavailable(&url).await, "out of memory");
    set("maxmemory", "0");
    cli(&url, &["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    assert!(is_unavailable(&url).await, "a replica");
    cli(&url, &["REPLICAOF", "NO", "ONE"]).unwrap();
    cli(&url, &["SET", "foreign:u:a", "text"]).unwrap();
    assert!(!is_unavailable(&format!("{url}?prefix=foreign:")).await);
    assert!(
        !is_unavailable(&format!("{url}/77")).await,
        "no such number"
    );
    cli(
        &url,
        &["ACL", "SETUSER", "reader", "on", ">pw", "~*", "+@read"],
    )
    .unwrap();
    let reader = url.replace("//", "//reader:pw@");
    assert!(!is_unavailable(&reader).await, "may not write");
    let writer = "on >pw ~um:* +watch +multi +exec +hmget +hget +hset +hincrby +zadd \
                  +zremrangebyscore +expire +pexpire +del";
    let mut user = vec!["ACL", "SETUSER", "writer"];
    user.extend(writer.split_whitespace());
    assert_eq!(cli(&url, &user).unwrap(), ["OK"]);
    let mut sink = open(&url.replace("//", "//writer:pw@"));
    sink.prepare().await.unwrap();
    write(&mut sink, &[at(0, 0, of_user("a"))]).await;
    server.freeze();
    let started = std::time::Instant::now();
    assert!(is_unavailable(&url).await, "frozen");
    assert!(started.elapsed() < Duration::from_secs(12));
    server.thaw();
    until("it answers", Duration::from_secs(5), || {
        (cli(&url, &["PING"]).unwrap() == ["PONG"]).then_some(())
    });
}

#[tokio::test]
async fn a_script_that_holds_up_redis_is_waited_for() {
    let server = require!(Server::start());
    let url = server.url();
    cli(&url, &["CONFIG", "SET", "lua-time-limit", "1"]).unwrap();
    let busy = {
        let url = url.clone();
        thread::spawn(move || cli(&url, &["EVAL", "while true do end", "0"]))
    };
    until("Redis is busy", Duration::from_secs(5), || {
        let said = cli(&url, &["PING"]).unwrap();
        said[0].starts_with("BUSY").then_some(())
    });
    // Each of them is refused at another point: as it connects, and when it writes.
    for url in [format!("{url}/1"), url.clone()] {
        let error = open(&url).prepare().await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable { .. }), "{error:?}");
    }
    assert_eq!(cli(&url, &["SCRIPT", "KILL"]).unwrap(), ["OK"]);
    busy.join().unwrap().unwrap();
    open(&format!("{url}/1")).prepare().await.unwrap();
}

#[test]
fn a_url_that_cannot_be_right_is_refused_without_its_password() {
    for (url, said) in [
        ("redis:", "needs a server"),
        ("redis://", "needs a server"),
        ("redis://:hunter2@h:port", "needs a server"),
        ("rediss://:hunter2@h#insecure", "needs a server"),
        ("redis://:hunter2@h/one", "needs a server"),
        ("redis+unix:///run/redis", "no sink"),
        ("redis://h?ttl=30", "`30d`"),
        ("redis://h?window=0s", "at least 1s"),
        ("redis://h?prefix=a%20b", "without spaces"),
        ("redis://:hunter2@h?password-file=x", "leave one out"),
        ("redis://h?appendonly=yes", "`password-file`"),
    ] {
        let error = url.parse::<SinkUrl>().unwrap_err().to_string();
        assert!(error.contains(said), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let url: SinkUrl = "rediss://john:hunter2@h".parse().unwrap();
    assert_eq!(url.name(), "redis", "the same group with and without TLS");
    assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
}
