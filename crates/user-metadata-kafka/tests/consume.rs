//! Consumer groups against a real Kafka.
#![cfg(all(feature = "consume", feature = "produce"))]
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::{
    delete_records_before, now_ms, options, partitions_with_kcat, raise_partitions, record, topic,
    until, within,
};
use user_metadata_kafka::{
    Compression, ConsumeStart, GroupConsumer, GroupEvent, GroupOptions, GroupRecord, KafkaRecord,
    Producer, TopicSpec,
};

const LONG: Duration = Duration::from_secs(30);

fn group(topic: &TopicSpec) -> GroupOptions {
    GroupOptions::new(topic.name(), topic.name())
        .unwrap()
        .with_session_timeout(Duration::from_secs(6))
}

async fn join(options: GroupOptions) -> GroupConsumer {
    GroupConsumer::join(&support::options(), options)
        .await
        .unwrap()
}

/// The next event, which must come soon.
async fn next(consumer: &mut GroupConsumer) -> GroupEvent {
    within(LONG, consumer.next()).await.unwrap()
}

/// Reads on until `count` records are there.
async fn read(consumer: &mut GroupConsumer, count: usize) -> Vec<GroupRecord> {
    let mut records = Vec::new();
    while records.len() < count {
        if let GroupEvent::Records(more) = next(consumer).await {
            records.extend(more);
        }
    }
    records
}

async fn produce(producer: &Producer, partition: u32, value: &str) {
    let records = [record("key", value)];
    producer
        .produce(partition, &records, Compression::None)
        .await
        .unwrap();
}

async fn assigned(consumer: &mut GroupConsumer, partitions: &[u32]) {
    while next(consumer).await != GroupEvent::Assigned(partitions.to_vec()) {}
}

/// Makes `topic` with `count` records in each partition, the n-th with the value `n` and a time n
/// ms after the run's.
async fn filled(topic: &TopicSpec, count: i64) -> Producer {
    let producer = Producer::connect(&options(), topic).await.unwrap();
    let records: Vec<KafkaRecord> = (0..count)
        .map(|n| KafkaRecord {
            timestamp_ms: now_ms() + n,
            ..record("key", &n.to_string())
        })
        .collect();
    for partition in 0..topic.partitions().get() {
        if !records.is_empty() {
            producer
                .produce(partition, &records, Compression::None)
                .await
                .unwrap();
        }
    }
    producer
}

#[tokio::test]
async fn every_compression_comes_back_as_it_was() {
    let topic = topic("codecs", 3);
    let producer = Producer::connect(&options(), &topic).await.unwrap();
    let mut batch: Vec<KafkaRecord> = (0..2000)
        .map(|n| record("user", &format!("{{\"n\":{n}}}")))
        .collect();
    batch[7].value = None;
    batch[8].key = None;
    batch[9].headers = vec![("a".into(), Vec::new()), ("b".into(), vec![0, 255])];
    let codecs = [Compression::None, Compression::Lz4, Compression::Zstd];
    for (partition, compression) in (0..).zip(codecs) {
        producer
            .produce(partition, &batch, compression)
            .await
            .unwrap();
    }
    let mut consumer = join(group(&topic)).await;
    let mut seen = read(&mut consumer, 6000).await;
    seen.sort_by_key(|record| (record.partition, record.offset));
    for (index, seen) in (0..).zip(&seen) {
        assert_eq!(
            (u64::from(seen.partition), seen.offset),
            (index / 2000, index % 2000)
        );
        assert_eq!(&seen.record, &batch[usize::try_from(seen.offset).unwrap()]);
    }
    consumer.close().await.unwrap();
}

#[tokio::test]
async fn a_group_resumes_behind_its_commit_wherever_it_is_told_to_start() {
    let topic = topic("resume", 1);
    let producer = filled(&topic, 10).await;
    let mut first = join(group(&topic)).await;
    read(&mut first, 10).await;
    first.commit(&[(0, 4)]).unwrap();
    first.close().await.unwrap();
    produce(&producer, 0, "10").await;
    let mut second = join(group(&topic).with_start(ConsumeStart::Latest)).await;
    let offsets: Vec<u64> = read(&mut second, 7)
        .await
        .iter()
        .map(|record| record.offset)
        .collect();
    assert_eq!(offsets, [4, 5, 6, 7, 8, 9, 10]);
    second.close().await.unwrap();
}

#[tokio::test]
async fn without_a_commit_reading_starts_at_the_time_or_the_end_it_is_told() {
    let topic = topic("start", 1);
    let producer = filled(&topic, 10).await;
    let at = |name: &str, start| {
        let group = format!("{}-{name}", topic.name());
        let options = GroupOptions::new(topic.name(), group).unwrap();
        join(options.with_start(start))
    };
    let mut by_time = at("by-time", ConsumeStart::At(now_ms() + 6)).await;
    assert_eq!(read(&mut by_time, 4).await[0].offset, 6);
    let mut by_future = at("by-future", ConsumeStart::At(now_ms() + 60_000)).await;
    let mut latest = at("latest", ConsumeStart::Latest).await;
    for consumer in [&mut by_future, &mut latest] {
        assigned(consumer, &[0]).await;
    }
    latest.close().await.unwrap();
    println!("closed");
    produce(&producer, 0, "10").await;
    let mut latest = at("latest", ConsumeStart::Latest).await;
    for consumer in [&mut by_future, &mut latest] {
        assert_eq!(read(consumer, 1).await[0].offset, 10);
    }
}

#[tokio::test]
async fn a_second_member_takes_its_share_after_the_first_has_committed_it_and_all_when_it_leaves() {
    let topic = topic("shared", 2);
    let producer = filled(&topic, 5).await;
    let mut first = join(group(&topic)).await;
    read(&mut first, 10).await;
    let mut second = join(group(&topic)).await;
    let given = loop {
        if let GroupEvent::Revoking(partitions) = next(&mut first).await {
            break partitions;
        }
    };
    first.commit(&[(0, 5), (1, 5)]).unwrap();
    let kept: Vec<u32> = vec![1 - given[0]];
    assigned(&mut first, &kept).await;
    assigned(&mut second, &given).await;
    produce(&producer, given[0], "new").await;
    let new = read(&mut second, 1).await;
    assert_eq!(
        (new[0].partition, new[0].offset),
        (given[0], 5),
        "nothing came twice"
    );
    second.commit(&[(given[0], 6)]).unwrap();
    first.close().await.unwrap();
    assigned(&mut second, &[0, 1]).await;
    second.close().await.unwrap();
}

#[tokio::test]
async fn a_caller_that_is_busy_for_longer_than_the_session_stays_a_member() {
    let topic = topic("busy", 2);
    filled(&topic, 5).await;
    let mut busy = join(group(&topic).with_handover_timeout(Duration::from_millis(500))).await;
    read(&mut busy, 10).await;
    // `busy` is not asked for events from here on, but its task answers the rebalance.
    let mut other = join(group(&topic)).await;
    let share = loop {
        match next(&mut other).await {
            GroupEvent::Assigned(partitions) if !partitions.is_empty() => break partitions,
            _ => {}
        }
    };
    assert_eq!(share.len(), 1);
    // For longer than the session, the other is given nothing more.
    let more = tokio::time::timeout(Duration::from_secs(9), async {
        while !matches!(next(&mut other).await, GroupEvent::Assigned(_)) {}
    });
    assert!(more.await.is_err());
    let kept = 1 - share[0];
    busy.commit(&[(0, 5), (1, 5)]).unwrap();
    busy.close().await.unwrap();
    other.close().await.unwrap();
    let mut third = join(group(&topic)).await;
    let again = read(&mut third, 5).await;
    assert!(
        again.iter().all(|record| record.partition == share[0]),
        "{kept} was committed"
    );
}

#[tokio::test]
async fn a_caller_that_takes_nothing_stops_the_fetching() {
    let topic = topic("slow", 1);
    filled(&topic, 20_000).await;
    let mut consumer = join(group(&topic).with_max_batch(100)).await;
    assigned(&mut consumer, &[0]).await;
    let lag = until(|| consumer.lag().pop()).await;
    assert_eq!((lag.partition, lag.end), (0, 20_000));
    assert!((100..=400).contains(&lag.position), "{lag:?}");
    let records = read(&mut consumer, 20_000).await;
    let offsets: Vec<u64> = records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, (0..20_000).collect::<Vec<_>>());
    assert_eq!(
        consumer.lag()[0].lag_records(),
        20_000,
        "read, but not dealt with"
    );
    consumer.commit(&[(0, 19_999)]).unwrap();
    assert_eq!(consumer.lag()[0].lag_records(), 1);
}

#[tokio::test]
async fn an_offset_that_is_not_kept_any_more_goes_on_at_the_oldest_record_and_says_so() {
    let topic = topic("expired", 1);
    filled(&topic, 10).await;
    let mut first = join(group(&topic)).await;
    read(&mut first, 10).await;
    first.commit(&[(0, 2)]).unwrap();
    first.close().await.unwrap();
    delete_records_before(&topic, 5).await;
    let mut second = join(group(&topic).with_start(ConsumeStart::Latest)).await;
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
async fn partitions_that_come_later_are_written_and_read_from_their_start() {
    let topic = topic("growing", 1);
    let kafka = options().with_metadata_max_age(Duration::from_millis(500));
    let producer = Producer::connect(&kafka, &topic).await.unwrap();
    let latest = group(&topic).with_start(ConsumeStart::Latest);
    let mut consumer = GroupConsumer::join(&kafka, latest).await.unwrap();
    assigned(&mut consumer, &[0]).await;
    raise_partitions(&topic, 3).await;
    let seen = async {
        while producer.partitions().get() < 3 {
            produce(&producer, 0, "old").await;
        }
        produce(&producer, 2, "new").await;
    };
    within(LONG, seen).await;
    assigned(&mut consumer, &[0, 1, 2]).await;
    let is_new = |record: &GroupRecord| {
        record.partition == 2 && record.record.value.as_deref() == Some(b"new")
    };
    let mut records = Vec::new();
    while !records.iter().any(is_new) {
        records.extend(read(&mut consumer, 1).await);
    }
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_waited_for_and_not_made() {
    let topic = topic("missing", 3);
    let mut consumer = join(group(&topic)).await;
    let GroupEvent::Unavailable { reason } = next(&mut consumer).await else {
        panic!("there is nothing to read");
    };
    assert!(reason.contains(topic.name()), "{reason}");
    assert_eq!(partitions_with_kcat(&topic), None);
    filled(&topic, 1).await;
    read(&mut consumer, 3).await;
}

#[tokio::test]
async fn a_consumer_that_is_dropped_leaves_the_group() {
    let topic = topic("dropped", 1);
    filled(&topic, 1).await;
    let long = Duration::from_secs(120);
    let mut first = join(group(&topic).with_session_timeout(long)).await;
    read(&mut first, 1).await;
    drop(first);
    let mut second = join(group(&topic)).await;
    read(&mut second, 1).await;
}
