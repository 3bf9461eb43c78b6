//! Static members, and groups whose partitions the broker assigns (KIP-848), against a real Kafka.
#![cfg(all(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)] // helpers

mod support;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use support::{LONG, admin, filled, produce, topic, until, within};
use user_metadata_kafka::{
    ConsumeError, GroupConsumer, GroupEvent, GroupOptions, GroupProtocol, GroupRecord,
    KafkaOptions, Producer, TopicSpec,
};
use user_metadata_testing::kafka::{Broker, Properties};
use user_metadata_testing::{Missing, require};

const SESSION: Duration = Duration::from_secs(6);
const PROTOCOLS: [GroupProtocol; 2] = [GroupProtocol::Classic, GroupProtocol::Consumer];

/// A broker whose sessions are as short with KIP-848 as without.
fn quick() -> Result<KafkaOptions, Missing> {
    static OWN: OnceLock<Result<Broker, Missing>> = OnceLock::new();
    let own = OWN.get_or_init(|| {
        let session = SESSION.as_millis();
        let mut broker = Broker::with(
            &Properties::default()
                .with("group.consumer.min.session.timeout.ms", session)
                .with("group.consumer.session.timeout.ms", session)
                .with("group.consumer.min.heartbeat.interval.ms", 1000)
                .with("group.consumer.heartbeat.interval.ms", 1000),
        )?;
        broker.restart();
        Ok(broker)
    });
    let broker = own.as_ref().map_err(Clone::clone)?;
    Ok(KafkaOptions::new([broker.address()]).unwrap())
}

fn group(topic: &TopicSpec, protocol: GroupProtocol) -> GroupOptions {
    let options = GroupOptions::new(topic.name(), topic.name()).unwrap();
    options
        .with_session_timeout(SESSION)
        .with_protocol(protocol)
}

fn member(topic: &TopicSpec, protocol: GroupProtocol, id: &str) -> GroupOptions {
    group(topic, protocol).with_instance_id(id).unwrap()
}

async fn join(kafka: &KafkaOptions, options: GroupOptions) -> GroupConsumer {
    GroupConsumer::join(kafka, options).await.unwrap()
}

async fn next(consumer: &mut GroupConsumer) -> GroupEvent {
    within(LONG, consumer.next()).await.unwrap()
}

/// Lets both continue until each has a share, and returns that of the first.
async fn shared(first: &mut GroupConsumer, second: &mut GroupConsumer) -> Vec<u32> {
    within(LONG, async {
        while first.assignment().len() != 1 || second.assignment().len() != 1 {
            tokio::select! {
                event = first.next() => drop(event.unwrap()),
                event = second.next() => drop(event.unwrap()),
            }
        }
    })
    .await;
    first.assignment().to_vec()
}

/// Continues until `consumer` has these partitions.
async fn owns(consumer: &mut GroupConsumer, partitions: &[u32]) {
    while consumer.assignment() != partitions {
        next(consumer).await;
    }
}

async fn owns_one(consumer: &mut GroupConsumer) {
    while consumer.assignment().len() != 1 {
        next(consumer).await;
    }
}

/// Reads until `count` records have arrived, and commits them.
async fn work(consumer: &mut GroupConsumer, count: usize) -> Vec<GroupRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        if let GroupEvent::Records(more) = next(consumer).await {
            for record in &more {
                consumer.commit(&[(record.partition, record.offset + 1)]);
            }
            records.extend(more);
        }
    }
    records
}

async fn read_until(consumer: &mut GroupConsumer, partition: u32, value: &str) {
    let is_it = |read: &GroupRecord| {
        read.partition == partition && read.record.value.as_deref() == Some(value.as_bytes())
    };
    while !work(consumer, 1).await.iter().any(is_it) {}
}

/// What happens to `consumer`'s partitions while `other` happens.
async fn changes_during(consumer: &mut GroupConsumer, other: impl Future) -> Vec<GroupEvent> {
    tokio::pin!(other);
    let mut changes = Vec::new();
    loop {
        tokio::select! {
            _ = &mut other => return changes,
            event = consumer.next() => match event.unwrap() {
                GroupEvent::Records(_) => {}
                event => changes.push(event),
            },
        }
    }
}

/// A runtime of its own stands for a process: what ends with it does not leave the group.
fn process() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().unwrap()
}

#[tokio::test]
async fn a_static_member_that_comes_back_has_its_partitions_and_nobody_else_notices() {
    let kafka = require!(quick());
    for protocol in PROTOCOLS {
        let topic = topic(&format!("static-{protocol:?}"), 2);
        let producer = filled(&kafka, &topic, 3).await;
        let mut stays = join(&kafka, member(&topic, protocol, "stays")).await;
        let mut goes = join(&kafka, member(&topic, protocol, "goes")).await;
        let of_stays = shared(&mut stays, &mut goes).await;
        let of_goes = goes.assignment().to_vec();
        let comes_back = async {
            goes.close().await.unwrap();
            produce(&producer, of_goes[0], "meanwhile").await;
            let mut back = join(&kafka, member(&topic, protocol, "goes")).await;
            owns(&mut back, &of_goes).await;
            read_until(&mut back, of_goes[0], "meanwhile").await;
            back
        };
        let mut back = None;
        let changes = changes_during(&mut stays, async { back = Some(comes_back.await) }).await;
        assert_eq!(changes, [], "{protocol:?}");
        assert_eq!(stays.assignment(), of_stays);
        back.unwrap().close().await.unwrap();
        // A member that does not come back within its session loses them all the same.
        within(LONG, owns(&mut stays, &[0, 1])).await;
        stays.close().await.unwrap();
    }
}

#[test]
fn a_static_member_that_was_killed_comes_back_to_its_partitions() {
    let kafka = require!(quick());
    for protocol in PROTOCOLS {
        let topic = topic(&format!("static-killed-{protocol:?}"), 2);
        let killed = process();
        let alive = process();
        let (mut stays, of_goes) = alive.block_on(async {
            filled(&kafka, &topic, 3).await;
            let mut stays = join(&kafka, member(&topic, protocol, "stays")).await;
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let options = member(&topic, protocol, "goes");
            let there = kafka.clone();
            killed.spawn(async move {
                let mut goes = join(&there, options).await;
                owns_one(&mut goes).await;
                sender.send(goes.assignment().to_vec()).unwrap();
                std::mem::forget(goes);
            });
            let of_goes = tokio::select! {
                of_goes = receiver => of_goes.unwrap(),
                () = async { loop { next(&mut stays).await; } } => unreachable!(),
            };
            // Both may get their shares at the same moment.
            owns_one(&mut stays).await;
            (stays, of_goes)
        });
        killed.shutdown_background();
        alive.block_on(async {
            let options = member(&topic, protocol, "goes");
            let comes_back = async {
                let mut back = join(&kafka, options).await;
                match protocol {
                    GroupProtocol::Classic => owns(&mut back, &of_goes).await,
                    _ => owns_one(&mut back).await,
                }
                back.close().await.unwrap();
            };
            let changes = changes_during(&mut stays, within(LONG, comes_back)).await;
            // With KIP-848 the id becomes free only when the session of the killed member has
            // expired, and by then its partitions have been assigned to others.
            if protocol == GroupProtocol::Classic {
                assert_eq!(changes, []);
            }
            stays.close().await.unwrap();
        });
    }
}

/// The group waits for the killed member until its session expires. The other members wait with it,
/// longer than a heartbeat interval, and must not be the next that the group waits for.
#[test]
fn a_member_that_is_killed_and_replaced_at_once_disturbs_the_others_for_one_session() {
    let kafka = require!(quick());
    let topic = topic("replaced", 2);
    let options = group(&topic, GroupProtocol::Classic);
    let killed = process();
    let alive = process();
    let mut stays = alive.block_on(async {
        filled(&kafka, &topic, 3).await;
        let mut stays = join(&kafka, options.clone()).await;
        let (there, options) = (kafka.clone(), options.clone());
        let goes = killed.spawn(async move {
            let mut goes = join(&there, options).await;
            owns_one(&mut goes).await;
            std::mem::forget(goes);
        });
        tokio::select! {
            done = goes => done.unwrap(),
            () = async { loop { next(&mut stays).await; } } => unreachable!(),
        }
        owns_one(&mut stays).await;
        stays
    });
    killed.shutdown_background();
    alive.block_on(async {
        let mut replaces = join(&kafka, options).await;
        let mut left = 0;
        let peace = async {
            // A member that the group waits for keeps it busy for a session.
            while let Ok(event) = tokio::time::timeout(SESSION * 2, async {
                tokio::select! {
                    event = stays.next() => event.unwrap(),
                    event = replaces.next() => event.unwrap(),
                }
            })
            .await
            {
                left += u32::from(event == GroupEvent::Left);
            }
        };
        within(LONG, peace).await;
        assert!(left <= 1, "{left}");
        let mut owned = [stays.assignment(), replaces.assignment()].concat();
        owned.sort_unstable();
        assert_eq!(owned, [0, 1]);
        stays.close().await.unwrap();
        replaces.close().await.unwrap();
    });
}

#[tokio::test]
async fn a_process_that_takes_the_id_of_another_ends_it_with_an_error() {
    let kafka = require!(quick());
    let topic = topic("fenced", 2);
    filled(&kafka, &topic, 1).await;
    let mut first = join(&kafka, member(&topic, GroupProtocol::Classic, "one")).await;
    work(&mut first, 2).await;
    let mut second = join(&kafka, member(&topic, GroupProtocol::Classic, "one")).await;
    let error = within(LONG, async {
        loop {
            if let Err(error) = first.next().await {
                break error;
            }
        }
    })
    .await;
    let ConsumeError::Refused(cause) = error else {
        panic!("{error:?}")
    };
    let cause = cause.to_string();
    assert!(cause.starts_with("another process has joined"), "{cause}");
    drop(first);
    owns(&mut second, &[0, 1]).await;
    second.close().await.unwrap();
}

#[tokio::test]
async fn with_kip_848_who_comes_later_waits_for_the_id() {
    let kafka = require!(quick());
    let topic = topic("in-use", 2);
    filled(&kafka, &topic, 1).await;
    let mut first = join(&kafka, member(&topic, GroupProtocol::Consumer, "one")).await;
    work(&mut first, 2).await;
    let mut second = join(&kafka, member(&topic, GroupProtocol::Consumer, "one")).await;
    let GroupEvent::Unavailable { reason } = next(&mut second).await else {
        panic!("the id is in use")
    };
    assert!(reason.contains("the same instance id"), "{reason}");
    assert_eq!(next(&mut second).await, GroupEvent::Left);
    // Longer than a few attempts, and than the session of the first.
    let while_waiting = tokio::time::timeout(SESSION + SESSION / 3, second.next()).await;
    assert!(while_waiting.is_err(), "{while_waiting:?}");
    assert_eq!(first.assignment(), [0, 1]);
    first.close().await.unwrap();
    owns(&mut second, &[0, 1]).await;
    second.close().await.unwrap();
}

#[tokio::test]
async fn a_group_of_kip_848_shares_commits_and_hands_over() {
    let kafka = require!(quick());
    let topic = topic("kip-848", 2);
    let producer = filled(&kafka, &topic, 5).await;
    let options = || group(&topic, GroupProtocol::Consumer).with_handover_timeout(LONG);
    let mut first = join(&kafka, options()).await;
    work(&mut first, 10).await;
    let mut second = join(&kafka, options()).await;
    let of_first = shared(&mut first, &mut second).await;
    let of_second = second.assignment()[0];
    produce(&producer, of_second, "new").await;
    let new = work(&mut second, 1).await;
    assert_eq!((new[0].partition, new[0].offset), (of_second, 5));
    second.close().await.unwrap();
    owns(&mut first, &[0, 1]).await;
    produce(&producer, of_second, "newer").await;
    let new = work(&mut first, 1).await;
    assert_eq!((new[0].partition, new[0].offset), (of_second, 6));
    first.close().await.unwrap();
    let committed = admin::committed(&kafka, &topic).await;
    let all = [(of_first[0], 5), (of_second, 7)];
    assert_eq!(committed, all.into_iter().collect());
}

#[test]
fn a_member_of_kip_848_that_has_died_is_taken_over_behind_its_last_commit() {
    let kafka = require!(quick());
    let topic = topic("kip-848-died", 2);
    let options = group(&topic, GroupProtocol::Consumer);
    let dying = process();
    dying.block_on(async {
        filled(&kafka, &topic, 10).await;
        let mut member = join(&kafka, options.clone()).await;
        let mut records = 0;
        while records < 20 {
            if let GroupEvent::Records(more) = next(&mut member).await {
                records += more.len();
            }
        }
        member.commit(&[(0, 4), (1, 9)]);
        let told = async || admin::committed(&kafka, &topic).await;
        until(async || (told().await == [(0, 4), (1, 9)].into_iter().collect()).then_some(()))
            .await;
        std::mem::forget(member);
    });
    dying.shutdown_background();
    process().block_on(async {
        let mut heir = join(&kafka, options).await;
        let mut records = BTreeSet::new();
        while records.len() < 7 {
            let more = work(&mut heir, 1).await;
            records.extend(more.iter().map(|record| (record.partition, record.offset)));
        }
        let left = [(0, 4), (0, 5), (0, 6), (0, 7), (0, 8), (0, 9), (1, 9)];
        assert_eq!(records, left.into_iter().collect());
        heir.close().await.unwrap();
    });
}

#[tokio::test]
async fn static_members_and_those_of_kip_848_read_partitions_that_come_later() {
    let kafka = require!(quick()).with_metadata_max_age(Duration::from_millis(500));
    for protocol in PROTOCOLS {
        for id in [None, Some("one")] {
            let topic = topic(&format!("growing-{protocol:?}-{}", id.is_some()), 1);
            let options = match id {
                Some(id) => member(&topic, protocol, id),
                None => group(&topic, protocol),
            };
            let producer = Producer::connect(&kafka, &topic).await.unwrap();
            let mut consumer = join(&kafka, options).await;
            owns(&mut consumer, &[0]).await;
            admin::raise_partitions(&kafka, &topic, 2).await;
            within(LONG, owns(&mut consumer, &[0, 1])).await;
            within(LONG, async {
                while producer.partitions().get() < 2 {
                    produce(&producer, 0, "old").await;
                }
                produce(&producer, 1, "new").await;
            })
            .await;
            read_until(&mut consumer, 1, "new").await;
            consumer.close().await.unwrap();
        }
    }
}

#[test]
fn an_instance_id_follows_kafkas_rule() {
    let options = || GroupOptions::new("topic", "group").unwrap();
    for id in ["one", "consumer-1.sqlite", &"x".repeat(249)] {
        assert!(options().with_instance_id(id).is_ok(), "{id}");
    }
    for id in ["", ".", "a b", "a/b", "ä", "a\n", &"x".repeat(250)] {
        let error = options().with_instance_id(id).unwrap_err().to_string();
        assert!(error.contains("is not a group instance id; use"), "{error}");
    }
}
