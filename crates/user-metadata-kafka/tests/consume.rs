//! Consumer groups against a real Kafka.
#![cfg(all(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)] // helpers

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use support::{
    LONG, admin, bootstrap, filled, insist, now_ms, partitions, produce, record, settled, topic,
    until, within,
};
use user_metadata_kafka::{
    Compression, ConsumeError, ConsumeStart, GroupConsumer, GroupEvent, GroupOptions, GroupRecord,
    KafkaOptions, KafkaRecord, PartitionLag, Producer, TopicSpec,
};
use user_metadata_testing::kafka::kcat;
use user_metadata_testing::{Scratch, require};

/// The shortest session timeout that a broker accepts.
const SESSION: Duration = Duration::from_secs(6);
/// So long that it never expires during a test.
const LONG_SESSION: Duration = Duration::from_secs(300);

fn group(topic: &TopicSpec) -> GroupOptions {
    let options = GroupOptions::new(topic.name(), topic.name()).unwrap();
    options.with_session_timeout(SESSION)
}

async fn join(kafka: &KafkaOptions, options: GroupOptions) -> GroupConsumer {
    GroupConsumer::join(kafka, options).await.unwrap()
}

/// The next event, which must arrive soon.
async fn next(consumer: &mut GroupConsumer) -> GroupEvent {
    within(LONG, consumer.next()).await.unwrap()
}

/// Reads until `count` records have arrived.
async fn read(consumer: &mut GroupConsumer, count: usize) -> Vec<GroupRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        if let GroupEvent::Records(more) = next(consumer).await {
            records.extend(more);
        }
    }
    records
}

async fn assigned(consumer: &mut GroupConsumer, partitions: &[u32]) {
    while next(consumer).await != GroupEvent::Assigned(partitions.to_vec()) {}
}

/// Waits until the group has committed `positions`, as another client sees it.
async fn committed(kafka: &KafkaOptions, topic: &TopicSpec, positions: &[(u32, u64)]) {
    let positions: BTreeMap<u32, u64> = positions.iter().copied().collect();
    until(async || (admin::committed(kafka, topic).await == positions).then_some(())).await;
}

#[tokio::test]
async fn every_compression_comes_back_as_it_was() {
    let kafka = require!(support::shared());
    let topic = topic("codecs", 3);
    let producer = Producer::connect(&kafka, &topic).await.unwrap();
    let mut batch: Vec<KafkaRecord> = (0..2000)
        .map(|n| record("user", &format!("{{\"n\":{n}}}")))
        .collect();
    batch[7].value = None;
    batch[8].key = None;
    batch[9].headers = vec![("a".into(), "".into()), ("b".into(), vec![0, 255].into())];
    batch[10].timestamp_ms += 1;
    let codecs = [Compression::None, Compression::Lz4, Compression::Zstd];
    for (partition, compression) in (0..).zip(codecs) {
        let produced = settled(&producer, partition, &batch, compression).await;
        assert_eq!(produced.unwrap(), 0);
    }
    let mut consumer = join(&kafka, group(&topic)).await;
    let mut seen = read(&mut consumer, 6000).await;
    seen.sort_by_key(|record| (record.partition, record.offset));
    for (index, seen) in (0..).zip(&seen) {
        let place = (u64::from(seen.partition), seen.offset);
        assert_eq!(place, (index / 2000, index % 2000));
        assert_eq!(&seen.record, &batch[usize::try_from(seen.offset).unwrap()]);
    }
    consumer.close().await.unwrap();
}

#[tokio::test]
async fn what_other_producers_compress_is_decompressed() {
    let kafka = require!(support::shared());
    let topic = topic("packed", 1);
    filled(&kafka, &topic, 0).await;
    let scratch = Scratch::new("packed");
    let values: Vec<String> = (0..100).map(|n| format!("the same again, {n}")).collect();
    let file = scratch.file("values");
    std::fs::write(&file, values.join("\n")).unwrap();
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for codec in codecs {
        let produce = ["-P", "-t", topic.name(), "-z", codec, "-l", &file];
        require!(kcat(&bootstrap(&kafka), &produce));
    }
    let mut consumer = join(&kafka, group(&topic)).await;
    let seen = read(&mut consumer, codecs.len() * values.len()).await;
    for (seen, value) in seen.iter().zip(values.iter().cycle()) {
        assert_eq!(seen.record.value.as_deref(), Some(value.as_bytes()));
    }
}

#[tokio::test]
async fn a_group_resumes_after_its_commit_whatever_its_start_option() {
    let kafka = require!(support::shared());
    let topic = topic("resume", 1);
    let producer = filled(&kafka, &topic, 10).await;
    let mut first = join(&kafka, group(&topic)).await;
    read(&mut first, 10).await;
    first.commit(&[(0, 4)]);
    first.close().await.unwrap();
    produce(&producer, 0, "10").await;
    for start in [ConsumeStart::Latest, ConsumeStart::At(now_ms() + 9)] {
        let mut second = join(&kafka, group(&topic).with_start(start)).await;
        let records = read(&mut second, 7).await;
        let offsets: Vec<u64> = records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [4, 5, 6, 7, 8, 9, 10]);
        second.close().await.unwrap();
    }
}

#[tokio::test]
async fn without_a_commit_reading_starts_at_the_given_time_or_at_the_end() {
    let kafka = require!(support::shared());
    let topic = topic("start", 1);
    let producer = filled(&kafka, &topic, 10).await;
    let at = |name: &str, start| {
        let group = format!("{}-{name}", topic.name());
        let options = GroupOptions::new(topic.name(), group).unwrap();
        join(&kafka, options.with_start(start))
    };
    let mut by_time = at("by-time", ConsumeStart::At(now_ms() + 6)).await;
    assert_eq!(read(&mut by_time, 4).await[0].offset, 6);
    let mut by_future = at("by-future", ConsumeStart::At(now_ms() + 60_000)).await;
    let mut latest = at("latest", ConsumeStart::Latest).await;
    for consumer in [&mut by_future, &mut latest] {
        assigned(consumer, &[0]).await;
        // The end offset was requested before this was known.
        until(async || consumer.lag().pop()).await;
    }
    // Records that arrive while the group has no members are read all the same.
    latest.close().await.unwrap();
    produce(&producer, 0, "10").await;
    let mut latest = at("latest", ConsumeStart::Latest).await;
    for consumer in [&mut by_future, &mut latest] {
        assert_eq!(read(consumer, 1).await[0].offset, 10);
    }
}

#[tokio::test]
async fn a_second_member_takes_its_share_after_the_first_has_committed_it_and_all_when_it_leaves() {
    let kafka = require!(support::shared());
    let topic = topic("shared", 2);
    let producer = filled(&kafka, &topic, 5).await;
    // As long as nothing is committed, nothing is handed over.
    let patient = group(&topic).with_handover_timeout(LONG);
    let mut first = join(&kafka, patient).await;
    read(&mut first, 10).await;
    let mut second = join(&kafka, group(&topic)).await;
    let given = loop {
        if let GroupEvent::Revoking(partitions) = next(&mut first).await {
            break partitions;
        }
    };
    assert_eq!(given.len(), 1);
    first.commit(&[(0, 5), (1, 5)]);
    assigned(&mut first, &[1 - given[0]]).await;
    // The other member gets its share in the rebalance that this member's polls begin.
    assigned(&mut second, &given).await;
    produce(&producer, given[0], "new").await;
    let new = read(&mut second, 1).await;
    let place = (new[0].partition, new[0].offset);
    assert_eq!(place, (given[0], 5), "nothing came twice");
    second.commit(&[(given[0], 6)]);
    // It belongs to another member by now: dropped.
    first.commit(&[(given[0], 1)]);
    first.close().await.unwrap();
    assigned(&mut second, &[0, 1]).await;
    second.close().await.unwrap();
    committed(&kafka, &topic, &[(given[0], 6), (1 - given[0], 5)]).await;
}

#[tokio::test]
async fn the_lag_of_a_partition_that_comes_back_is_not_the_one_that_it_had() {
    let kafka = require!(support::shared());
    let topic = topic("come-back", 2);
    let producer = filled(&kafka, &topic, 5).await;
    let mut first = join(&kafka, group(&topic)).await;
    read(&mut first, 10).await;
    first.commit(&[(0, 5), (1, 5)]);
    until(async || (first.lag().len() == 2).then_some(())).await;
    let mut second = join(&kafka, group(&topic)).await;
    while first.assignment().len() != 1 {
        next(&mut first).await;
    }
    let given = 1 - first.assignment()[0];
    produce(&producer, given, "new").await;
    read(&mut second, 1).await;
    second.commit(&[(given, 6)]);
    second.close().await.unwrap();
    assigned(&mut first, &[0, 1]).await;
    let lags = first.lag();
    let lag = lags.iter().find(|lag| lag.partition == given);
    assert!(lag.is_none_or(|lag| lag.position == 6), "{lag:?}");
}

/// Reads, commits and reports records until it is stopped.
async fn work(
    mut consumer: GroupConsumer,
    mut stop: tokio::sync::oneshot::Receiver<()>,
    seen: tokio::sync::mpsc::UnboundedSender<(u32, u64)>,
) {
    loop {
        let event = tokio::select! {
            event = consumer.next() => event.unwrap(),
            _ = &mut stop => break,
        };
        if let GroupEvent::Records(records) = event {
            let mut positions = BTreeMap::new();
            for record in records {
                positions.insert(record.partition, record.offset + 1);
                seen.send((record.partition, record.offset)).unwrap();
            }
            let positions: Vec<_> = positions.into_iter().collect();
            consumer.commit(&positions);
        }
    }
    consumer.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_miss_no_record() {
    let kafka = require!(support::shared());
    let topic = topic("coming-and-going", 4);
    let producer = filled(&kafka, &topic, 0).await;
    let batch = vec![record("key", "value"); 50];
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let start = async || {
        let consumer = join(&kafka, group(&topic).with_max_batch(20)).await;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        (stop, tokio::spawn(work(consumer, stopped, sender.clone())))
    };
    let mut members = vec![start().await];
    let mut records: BTreeSet<(u32, u64)> = BTreeSet::new();
    for round in 1..=24 {
        for partition in 0..4 {
            insist(&producer, partition, &batch).await;
        }
        // Half of the records are in flight when a member joins or leaves.
        while records.len() < round * 200 - 100 {
            records.insert(within(LONG, seen.recv()).await.unwrap());
        }
        if matches!(round % 8, 2 | 4) {
            members.push(start().await);
        } else if matches!(round % 8, 6 | 7) {
            let (stop, member) = members.remove(0);
            stop.send(()).unwrap();
            member.await.unwrap();
        }
    }
    while records.len() < 24 * 200 {
        records.insert(within(LONG, seen.recv()).await.unwrap());
    }
    for (stop, member) in members {
        stop.send(()).unwrap();
        member.await.unwrap();
    }
    while let Ok(more) = seen.try_recv() {
        records.insert(more);
    }
    let all = (0..4).flat_map(|partition| (0..1200).map(move |offset| (partition, offset)));
    assert_eq!(records, all.collect());
}

/// A runtime of its own stands for a process: what ends with it does not leave the group.
fn process() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

#[test]
fn after_a_member_has_died_another_continues_after_its_last_commit() {
    let kafka = require!(support::shared());
    let topic = topic("died", 2);
    let dying = process();
    dying.block_on(async {
        filled(&kafka, &topic, 10).await;
        let mut member = join(&kafka, group(&topic)).await;
        read(&mut member, 20).await;
        member.commit(&[(0, 4), (1, 9)]);
        committed(&kafka, &topic, &[(0, 4), (1, 9)]).await;
        // Neither dropped nor closed.
        std::mem::forget(member);
    });
    dying.shutdown_background();
    process().block_on(async {
        let mut heir = join(&kafka, group(&topic)).await;
        let records = read(&mut heir, 7).await;
        let mut places: Vec<_> = records.iter().map(|r| (r.partition, r.offset)).collect();
        places.sort_unstable();
        let left = [(0, 4), (0, 5), (0, 6), (0, 7), (0, 8), (0, 9), (1, 9)];
        assert_eq!(places, left);
        heir.close().await.unwrap();
    });
}

#[test]
fn a_suspended_member_notices_and_does_not_set_the_group_back() {
    let kafka = require!(support::shared());
    let topic = topic("suspended", 2);
    let suspended = process();
    let mut sleeper = suspended.block_on(async {
        filled(&kafka, &topic, 5).await;
        let mut member = join(&kafka, group(&topic)).await;
        read(&mut member, 10).await;
        member
    });
    // Nothing of `suspended` runs until the other has all partitions.
    let awake = process();
    let mut other = awake.block_on(async {
        let mut other = join(&kafka, group(&topic)).await;
        read(&mut other, 10).await;
        other.commit(&[(0, 5), (1, 5)]);
        committed(&kafka, &topic, &[(0, 5), (1, 5)]).await;
        other
    });
    let (done, is_done) = tokio::sync::oneshot::channel();
    let other = std::thread::spawn(move || {
        awake.block_on(async {
            tokio::select! {
                () = async { loop { drop(next(&mut other).await); } } => {}
                _ = is_done => {}
            }
            other.close().await.unwrap();
        });
    });
    suspended.block_on(async {
        // The records in flight when it was suspended.
        sleeper.commit(&[(0, 2), (1, 2)]);
        while next(&mut sleeper).await != GroupEvent::Left {}
        while sleeper.assignment().len() != 1 {
            // Committed before it learns of its new assignment.
            sleeper.commit(&[(0, 3), (1, 3)]);
            next(&mut sleeper).await;
        }
        sleeper.close().await.unwrap();
    });
    done.send(()).unwrap();
    other.join().unwrap();
    process().block_on(committed(&kafka, &topic, &[(0, 5), (1, 5)]));
}

#[tokio::test]
async fn a_caller_that_is_busy_for_longer_than_the_session_stays_a_member() {
    let kafka = require!(support::shared());
    let topic = topic("busy", 2);
    filled(&kafka, &topic, 5).await;
    let hasty = group(&topic).with_handover_timeout(Duration::from_millis(500));
    let mut busy = join(&kafka, hasty).await;
    read(&mut busy, 10).await;
    // From here on `busy` is not asked for events, but its task responds to the rebalance.
    let mut other = join(&kafka, group(&topic)).await;
    let share = loop {
        match next(&mut other).await {
            GroupEvent::Assigned(partitions) if !partitions.is_empty() => break partitions,
            _ => {}
        }
    };
    assert_eq!(share.len(), 1);
    // For longer than the session timeout, the other member gets no further partitions.
    let more = tokio::time::timeout(SESSION + SESSION / 2, async {
        loop {
            if let GroupEvent::Assigned(partitions) = next(&mut other).await {
                break partitions;
            }
        }
    });
    let more = more.await;
    assert!(more.is_err(), "had {share:?}, was assigned {more:?}");
    busy.commit(&[(0, 5), (1, 5)]);
    busy.close().await.unwrap();
    other.close().await.unwrap();
    // One partition was revoked with its records in flight, the other was committed.
    committed(
        &kafka,
        &topic,
        &[
            (0, 5 * (1 - u64::from(share[0] == 0))),
            (1, 5 * (1 - u64::from(share[0] == 1))),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_caller_that_takes_nothing_stops_the_fetching() {
    let kafka = require!(support::shared());
    let topic = topic("slow", 1);
    filled(&kafka, &topic, 20_000).await;
    let mut consumer = join(&kafka, group(&topic).with_max_batch(100)).await;
    assigned(&mut consumer, &[0]).await;
    let lag = until(async || consumer.lag().pop()).await;
    assert_eq!((lag.partition, lag.end), (0, 20_000));
    assert!((100..=400).contains(&lag.position), "{lag:?}");
    let records = read(&mut consumer, 20_000).await;
    let offsets: Vec<u64> = records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, (0..20_000).collect::<Vec<_>>());
    let lag = consumer.lag()[0];
    assert_eq!(lag.lag_records(), 20_000, "read, but not processed");
    consumer.commit(&[(0, 19_999)]);
    assert_eq!(consumer.lag()[0].lag_records(), 1);
}

#[tokio::test]
async fn after_the_last_record_of_a_transaction_there_is_no_lag() {
    let kafka = require!(support::shared());
    let topic = topic("transaction", 1);
    filled(&kafka, &topic, 0).await;
    admin::transaction(&kafka, &topic, &["one", "two"]).await;
    let mut consumer = join(&kafka, group(&topic)).await;
    assert_eq!(read(&mut consumer, 2).await[1].offset, 1);
    consumer.commit(&[(0, 2)]);
    let is_done = |lag: PartitionLag| (lag.end == 3 && lag.lag_records() == 0).then_some(());
    until(async || consumer.lag().pop().and_then(is_done)).await;
}

#[tokio::test]
async fn an_offset_that_is_no_longer_available_is_reset_to_the_oldest_record_and_reported() {
    let kafka = require!(support::shared());
    let topic = topic("expired", 1);
    filled(&kafka, &topic, 10).await;
    let mut first = join(&kafka, group(&topic)).await;
    read(&mut first, 10).await;
    first.commit(&[(0, 2)]);
    first.close().await.unwrap();
    admin::delete_records_before(&kafka, &topic, 5).await;
    let latest = group(&topic).with_start(ConsumeStart::Latest);
    let mut second = join(&kafka, latest).await;
    assigned(&mut second, &[0]).await;
    let reset = GroupEvent::OffsetReset {
        partition: 0,
        from: 2,
        to: 5,
    };
    assert_eq!(next(&mut second).await, reset);
    assert_eq!(read(&mut second, 5).await[0].offset, 5);
}

#[tokio::test]
async fn a_recreated_topic_is_read_from_its_start() {
    let kafka = require!(support::shared());
    let topic = topic("recreated", 1);
    let kafka = kafka.with_metadata_max_age(Duration::from_millis(500));
    let producer = filled(&kafka, &topic, 10).await;
    let mut consumer = join(&kafka, group(&topic)).await;
    read(&mut consumer, 10).await;
    consumer.commit(&[(0, 10)]);
    committed(&kafka, &topic, &[(0, 10)]).await;
    admin::delete_topic(&kafka, &topic).await;
    let batch = vec![record("key", "new"); 20];
    until(async || {
        let offset = producer.produce(0, &batch, Compression::None).await;
        (offset.ok()? == 0).then_some(())
    })
    .await;
    while read(&mut consumer, 1).await[0].offset != 0 {}
    consumer.commit(&[(0, 1)]);
    committed(&kafka, &topic, &[(0, 1)]).await;
}

#[tokio::test]
async fn records_in_flight_of_a_deleted_topic_are_not_committed_in_the_new_one() {
    let kafka = require!(support::shared());
    let topic = topic("old-in-hand", 1);
    let kafka = kafka.with_metadata_max_age(Duration::from_millis(500));
    let producer = filled(&kafka, &topic, 10).await;
    let mut consumer = join(&kafka, group(&topic)).await;
    read(&mut consumer, 10).await;
    admin::delete_topic(&kafka, &topic).await;
    until(async || {
        let batch = [record("key", "new")];
        let produced = producer.produce(0, &batch, Compression::None).await;
        (produced.ok()? == 0).then_some(())
    })
    .await;
    committed(&kafka, &topic, &[(0, 0)]).await;
    consumer.commit(&[(0, 10)]);
    let is_reset = |event| matches!(event, GroupEvent::OffsetReset { to: 0, .. });
    while !is_reset(next(&mut consumer).await) {}
    consumer.commit(&[(0, 10)]);
    consumer.close().await.unwrap();
    committed(&kafka, &topic, &[(0, 0)]).await;
}

#[tokio::test]
async fn partitions_added_later_are_written_and_read_from_their_start() {
    let kafka = require!(support::shared());
    let topic = topic("growing", 1);
    let kafka = kafka.with_metadata_max_age(Duration::from_millis(500));
    let producer = Producer::connect(&kafka, &topic).await.unwrap();
    let latest = group(&topic).with_start(ConsumeStart::Latest);
    let mut consumer = join(&kafka, latest).await;
    assigned(&mut consumer, &[0]).await;
    admin::raise_partitions(&kafka, &topic, 3).await;
    within(LONG, async {
        while producer.partitions().get() < 3 {
            produce(&producer, 0, "old").await;
        }
        produce(&producer, 2, "new").await;
    })
    .await;
    assigned(&mut consumer, &[0, 1, 2]).await;
    let is_new = |record: &GroupRecord| {
        record.partition == 2 && record.record.value.as_deref() == Some(b"new")
    };
    while !read(&mut consumer, 1).await.iter().any(is_new) {}
}

#[tokio::test]
async fn a_missing_topic_is_waited_for_and_not_created() {
    let kafka = require!(support::shared());
    let topic = topic("missing", 3);
    let mut consumer = join(&kafka, group(&topic)).await;
    let GroupEvent::Unavailable { reason } = next(&mut consumer).await else {
        panic!("there is nothing to read");
    };
    assert!(reason.contains(topic.name()), "{reason}");
    assert_eq!(require!(partitions(&kafka, &topic)), None);
    filled(&kafka, &topic, 1).await;
    assert_eq!(partitions(&kafka, &topic).unwrap(), Some(3));
    let (mut records, mut has_recovered) = (0, false);
    while records < 3 || !has_recovered {
        match next(&mut consumer).await {
            GroupEvent::Records(more) => records += more.len(),
            event => has_recovered |= event == GroupEvent::Recovered,
        }
    }
}

#[tokio::test]
async fn a_consumer_that_is_closed_or_dropped_leaves_the_group() {
    let kafka = require!(support::shared());
    let topic = topic("left", 1);
    filled(&kafka, &topic, 1).await;
    for is_closed in [true, false] {
        let long = group(&topic).with_session_timeout(LONG_SESSION);
        let mut member = join(&kafka, long).await;
        read(&mut member, 1).await;
        if is_closed {
            member.close().await.unwrap();
        } else {
            drop(member);
        }
    }
    let mut last = join(&kafka, group(&topic)).await;
    read(&mut last, 1).await;
}

#[tokio::test]
async fn a_session_that_the_broker_does_not_allow_ends_the_member() {
    let kafka = require!(support::shared());
    let topic = topic("refused", 1);
    filled(&kafka, &topic, 1).await;
    let short = group(&topic).with_session_timeout(Duration::from_secs(1));
    let mut consumer = join(&kafka, short).await;
    let error = within(LONG, consumer.next()).await.unwrap_err();
    let ConsumeError::Refused(cause) = error else {
        panic!("{error:?}");
    };
    let cause = cause.to_string();
    assert!(cause.contains("group.min.session.timeout.ms"), "{cause}");
    let error = within(LONG, consumer.next()).await.unwrap_err();
    assert!(matches!(error, ConsumeError::Ended), "{error:?}");
}
