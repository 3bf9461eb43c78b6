//! Which data of events and users the MongoDB sink keeps.
#![cfg(feature = "mongodb")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use mongodb::bson::{DateTime, Document, doc};
use support::event;
use support::mongodb::{database, events, json, users};
use user_metadata_consumer::{Delivery, Rejection, Sink as _, SinkError};
use user_metadata_events::{EventId, UnixMillis, UserMetadataEvent};
use user_metadata_sinks::{BuiltinSink, SinkUrl};
use user_metadata_testing::mongo::{Server, shared};
use user_metadata_testing::{Scratch, require};

/// Longer than a clock may be ahead.
const FAR_AHEAD: Duration = Duration::from_secs(30 * 60 * 60);

/// A database of a test's own.
macro_rules! own {
    ($test:literal) => {
        require!(shared(&format!("{}-{}", $test, std::process::id())))
    };
}

fn open(url: &str) -> BuiltinSink {
    url.parse::<SinkUrl>().unwrap().open().unwrap()
}

/// An event of a user at an offset, `ago` milliseconds ago.
fn at(offset: u64, user: &str, ago: u64) -> Delivery {
    let now = UnixMillis::from(SystemTime::now()).as_u64();
    let mut delivery = event(u32::try_from(offset).unwrap(), |event| {
        event.timestamp = UnixMillis::new(now - ago).unwrap();
        event.user_id = user.to_owned();
    });
    delivery.position.offset = offset;
    delivery
}

async fn write(sink: &mut BuiltinSink, batch: &[Delivery]) {
    assert_eq!(sink.write(batch).await.unwrap(), []);
}

/// The counts of users add up to the events that are there.
async fn counts_are_exact(url: &str) -> i64 {
    let events = i64::try_from(events(url).await.len()).unwrap();
    let counts = users(url).await;
    let counts = counts.iter().map(|user| user.get_i64("events").unwrap());
    assert_eq!(counts.sum::<i64>(), events);
    events
}

async fn user(url: &str, id: &str) -> Document {
    let users = users(url).await;
    let mut users = users
        .into_iter()
        .filter(|user| user.get_str("_id").ok() == Some(id));
    users.next().unwrap()
}

#[tokio::test]
async fn an_event_is_a_document_with_the_fields_of_its_json() {
    let url = own!("document");
    let mut sink = open(&url);
    sink.prepare().await.unwrap();
    sink.prepare().await.unwrap();
    let mut batch = Vec::new();
    for (name, value) in support::good_fixtures() {
        let mut delivery = support::delivery(&value);
        let number = batch.len() as u64;
        delivery.position.offset = number;
        // They have the same.
        delivery.event.id = EventId::from_parts(delivery.event.timestamp, number.into());
        batch.push((name, delivery));
    }
    let deliveries: Vec<_> = batch.iter().map(|(_, delivery)| delivery.clone()).collect();
    write(&mut sink, &deliveries).await;
    let stored = events(&url).await;
    for (name, Delivery { event, .. }) in &batch {
        let id = event.id.to_string();
        let found = stored
            .iter()
            .find(|document| document.get_str("_id").ok() == Some(&*id));
        let found = found.unwrap();
        assert!(found.get_datetime("timestamp").is_ok(), "{name}");
        let expected = serde_json::to_value(event).unwrap();
        assert_eq!(json(found.clone()), expected, "{name}");
    }
    let indexes = database(&url).await.collection::<Document>("events");
    let indexes = indexes.list_index_names().await.unwrap();
    assert_eq!(indexes.len(), 3, "{indexes:?}");
}

#[tokio::test]
async fn a_user_has_exact_counts_whatever_comes_again() {
    let url = own!("counts");
    let mut sink = open(&url);
    let batch: Vec<_> = (0..50)
        .map(|n| at(n, ["ann", "ben"][(n % 2) as usize], 10_000 - n * 100))
        .collect();
    write(&mut sink, &batch[..20]).await;
    // Some of it again, cut otherwise, by the same process and by another.
    write(&mut sink, &batch[10..30]).await;
    write(&mut open(&url), &batch[5..]).await;
    assert_eq!(counts_are_exact(&url).await, 50);
    // Twice in a batch, and again at another offset, like a publisher that missed the acknowledgement.
    let mut twice = at(50, "ann", 90);
    let first = twice.clone();
    twice.position.offset = 51;
    let mut thrice = twice.clone();
    thrice.position.offset = 52;
    write(&mut sink, &[first.clone(), twice.clone()]).await;
    write(&mut sink, &[thrice.clone()]).await;
    write(&mut sink, &[first.clone(), twice, thrice]).await;
    assert_eq!(counts_are_exact(&url).await, 51);
    let ann = user(&url, "ann").await;
    assert_eq!(ann.get_i64("events").unwrap(), 26);
    let millis = |field| ann.get_datetime(field).unwrap().timestamp_millis();
    assert_eq!(millis("firstSeen"), batch[0].event.timestamp.as_i64());
    assert_eq!(millis("lastSeen"), first.event.timestamp.as_i64());
    // A recreated topic.
    let recreated = [at(1_000, "ann", 0)].map(|mut delivery| {
        delivery.position.offset = 0;
        delivery
    });
    write(&mut sink, &recreated).await;
    write(&mut sink, &recreated).await;
    assert_eq!(counts_are_exact(&url).await, 52);
}

#[tokio::test]
async fn an_event_of_the_future_is_rejected_alone_and_freezes_no_user() {
    let url = own!("future");
    let mut batch = [0, 1, 2].map(|n| at(n, "ann", 1_000));
    batch[1].event.timestamp = batch[1].event.timestamp.saturating_add(FAR_AHEAD);
    let rejected = open(&url).write(&batch).await.unwrap();
    assert_eq!(rejected, [Rejection::new(1, "timestamp_out_of_range")]);
    assert_eq!(counts_are_exact(&url).await, 2);
    let seen = DateTime::from_millis(batch[2].event.timestamp.as_i64());
    assert_eq!(
        *user(&url, "ann").await.get_datetime("lastSeen").unwrap(),
        seen
    );
}

#[tokio::test]
async fn a_crash_between_an_event_and_its_count_is_repaired_when_it_is_delivered_again() {
    let url = own!("crash");
    let batch: Vec<_> = (0..30).map(|n| at(n, "ann", 1_000 - n)).collect();
    write(&mut open(&url), &batch[..10]).await;
    let before = user(&url, "ann").await;
    write(&mut open(&url), &batch).await;
    // As if the events had been stored, but not counted.
    let collection = database(&url).await.collection::<Document>("users");
    collection
        .replace_one(doc! { "_id": "ann" }, before)
        .await
        .unwrap();
    write(&mut open(&url), &batch).await;
    assert_eq!(counts_are_exact(&url).await, 30);
    collection.delete_one(doc! { "_id": "ann" }).await.unwrap();
    write(&mut open(&url), &batch).await;
    assert_eq!(counts_are_exact(&url).await, 30);
}

#[tokio::test]
async fn two_processes_count_a_user_together() {
    let url = own!("together");
    let writers = (0..4_u32).map(|partition| {
        let mut sink = open(&url);
        tokio::spawn(async move {
            for n in 0..5 {
                let offset = u64::from(partition) * 100 + n;
                let mut delivery = at(offset, "ann", 0);
                delivery.position.partition = partition;
                while let Err(error) = sink.write(std::slice::from_ref(&delivery)).await {
                    assert!(matches!(error, SinkError::Unavailable { .. }), "{error:?}");
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    for writer in writers {
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, writer).await.unwrap().unwrap();
    }
    assert_eq!(counts_are_exact(&url).await, 20);
}

/// Drops a write after `steps` polls, if it is not done before.
async fn crash_after(steps: usize, url: &str, batch: &[Delivery]) -> Poll<()> {
    let mut sink = open(url);
    sink.prepare().await.unwrap();
    let mut write = pin!(write(&mut sink, batch));
    let mut step = 0;
    poll_fn(|context| {
        step += 1;
        match write.as_mut().poll(context) {
            Poll::Pending if step < steps => Poll::Pending,
            end => Poll::Ready(end),
        }
    })
    .await
}

#[tokio::test]
async fn what_a_replay_brings_of_before_is_counted_once_wherever_it_crashes() {
    let url = own!("replay");
    for steps in 1.. {
        let user = format!("user-{steps}");
        let event = |offset, ago| {
            let mut delivery = at(offset, &user, ago);
            let id = 1_000 * steps as u128 + u128::from(offset);
            delivery.event.id = EventId::from_parts(delivery.event.id.timestamp(), id);
            delivery
        };
        // The group began at the latest; of the events before, a publisher made a copy of one.
        write(&mut open(&url), &[event(600, 100), event(601, 50)]).await;
        let [first, second, third] = [event(3, 5_000), event(4, 4_000), event(5, 3_000)];
        let mut copy = second.clone();
        copy.position.offset = 7;
        let before = [first, second, third, copy];
        let crashed = crash_after(steps, &url, &before[..2]).await;
        write(&mut open(&url), &before[1..]).await;
        write(&mut open(&url), &before).await;
        counts_are_exact(&url).await;
        let found = self::user(&url, &user).await;
        assert_eq!(
            found.get_i64("events").unwrap(),
            5,
            "{steps} steps: {found}"
        );
        let first = found.get_datetime("firstSeen").unwrap().timestamp_millis();
        assert_eq!(first, before[0].event.timestamp.as_i64());
        assert_eq!(found.get("missed"), None, "{found}");
        if crashed.is_ready() {
            assert!(steps > 5, "it was done in {steps} steps");
            break;
        }
    }
}

#[tokio::test]
async fn what_mongodb_has_removed_is_not_counted_again() {
    let url = own!("removed");
    let mut sink = open(&format!("{url}?keep=1h"));
    let batch = [at(0, "ann", 7_200_000), at(1, "ann", 1_000)];
    write(&mut sink, &batch).await;
    let events = database(&url).await.collection::<Document>("events");
    let old = doc! { "_id": batch[0].event.id.to_string() };
    events.delete_one(old).await.unwrap();
    write(&mut sink, &batch).await;
    let ann = user(&url, "ann").await;
    assert_eq!(ann.get_i64("events").unwrap(), 2);
}

#[tokio::test]
async fn the_newest_event_of_a_user_is_what_is_known_of_it() {
    let url = own!("newest");
    let mut sink = open(&url);
    let named = |offset, ago, name: &str, device: Option<&str>| {
        let mut delivery = at(offset, "ann", ago);
        delivery.event.username = name.to_owned();
        delivery.event.metadata.device = device.map(str::to_owned);
        delivery
    };
    write(&mut sink, &[named(0, 300_000, "older", Some("Mobile"))]).await;
    write(&mut sink, &[named(1, 100_000, "newest", None)]).await;
    write(&mut sink, &[named(2, 200_000, "late", Some("Tablet"))]).await;
    let ann = user(&url, "ann").await;
    assert_eq!(ann.get_str("username").unwrap(), "newest");
    assert_eq!(ann.get("device"), None);
    assert_eq!(ann.get_i64("events").unwrap(), 3);
}

#[tokio::test]
async fn exactly_what_mongodb_can_not_store_is_rejected() {
    let url = own!("rejected");
    let mut sink = open(&url);
    let with = |offset, change: fn(&mut UserMetadataEvent)| {
        let mut delivery = at(offset, "ann", 0);
        change(&mut delivery.event);
        delivery
    };
    let batch = [
        at(0, "ann", 0),
        with(1, |event| event.username = "x".repeat(17 << 20)),
        with(2, |event| {
            drop(event.extra.insert("huge".into(), u64::MAX.into()))
        }),
        with(3, |event| drop(event.extra.insert("a\0b".into(), 1.into()))),
        with(4, |event| drop(event.extra.insert("_id".into(), 1.into()))),
        at(5, "ben", 0),
    ];
    let rejections = sink.write(&batch).await.unwrap();
    let indexes: Vec<_> = rejections.iter().map(|rejection| rejection.index).collect();
    assert_eq!(indexes, [1, 2, 3, 4]);
    assert!(rejections[0].reason.contains("16 MiB"), "{rejections:?}");
    assert_eq!(counts_are_exact(&url).await, 2);
}

#[tokio::test]
async fn a_server_that_stops_and_comes_back_is_waited_for() {
    let mut server = require!(Server::start());
    let url = server.url("restart");
    let mut sink = open(&url);
    write(&mut sink, &[at(0, "ann", 100)]).await;
    server.stop();
    let next = [at(1, "ann", 0)];
    let error = sink.write(&next).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable { .. }), "{error:?}");
    server.restart();
    let again = async {
        while let Err(error) = sink.write(&next).await {
            assert!(matches!(error, SinkError::Unavailable { .. }), "{error:?}");
        }
    };
    tokio::time::timeout(Duration::from_secs(30), again)
        .await
        .unwrap();
    assert_eq!(counts_are_exact(&url).await, 2);
}

#[test]
fn a_url_that_cannot_be_right_is_refused_without_its_password() {
    for (url, said) in [
        ("mongodb:", "needs servers"),
        ("mongodb://h", "needs a database"),
        ("mongodb://john:hunter2@h/", "needs a database"),
        ("mongodb://john:hunter2@h:port/db", "needs servers"),
        ("mongodb+srv://h/db", "no sink"),
        ("mongodb://h/db?keep=90", "`90d`"),
        ("mongodb://h/db?keep=1s", "at least 1h"),
        ("mongodb://h/db?tls=maybe", "needs servers"),
        ("mongodb://h/db?tlsInsecure=true", "no option"),
        (
            "mongodb://john:hunter2@h/db?password-file=x",
            "leave one out",
        ),
        ("mongodb://h/db?password-file=x", "no user"),
    ] {
        let error = url.parse::<SinkUrl>().unwrap_err().to_string();
        assert!(error.contains(said), "{url}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let url = "mongodb://john:hunter2@h/db?replicaSet=rs0&tlsCAFile=/a%20b.pem";
    let sink = open(url);
    assert!(!format!("{sink:?}").contains("hunter2"), "{sink:?}");
    let scratch = Scratch::new("mongodb-password");
    let file = scratch.file("password");
    fs::write(&file, "swordfish\n").unwrap();
    let sink = open(&format!("mongodb://john@h/db?password-file={file}"));
    assert!(!format!("{sink:?}").contains("swordfish"), "{sink:?}");
}
