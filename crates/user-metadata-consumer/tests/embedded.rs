//! A whole consumer on the embedded log.
#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::{
    Answer, Collected, Hang, Running, at, collect, event, header, number, record, until, within,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use user_metadata_consumer::{
    BuildError, Consumer, ConsumerBuilder, ConsumerHealth, LogTopicWriter, Rejection, RunError,
    Sink, SinkError, SinkState, StartFrom, TopicWriter,
};
use user_metadata_events::{Record, partition_for_key};
use user_metadata_log::{
    Batch, DataDir, GroupPositions, LogOptions, LogReader, LogRecord, LogWriter, OpenError,
};

/// A data directory, and the server that writes to it.
struct Log {
    dir: tempfile::TempDir,
    writer: Option<LogWriter>,
}

impl Log {
    fn missing() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            writer: None,
        }
    }

    fn new() -> Self {
        let mut log = Self::missing();
        log.open();
        log
    }

    fn open(&mut self) {
        // The events of these tests are years old.
        let mut options = LogOptions::default();
        options.retention = None;
        self.writer = Some(LogWriter::open(self.data().topic_path(), options).unwrap());
    }

    fn data(&self) -> DataDir {
        DataDir::new(self.dir.path())
    }

    /// Appends to the partition of the key, one batch for each record.
    fn append(&mut self, records: impl IntoIterator<Item = Record>) {
        let writer = self.writer.as_mut().unwrap();
        let partitions = writer.partitions();
        for record in records {
            let partition = partition_for_key(record.key.as_deref().unwrap(), partitions);
            let records = [to_log(record)];
            writer
                .append(&[Batch {
                    partition,
                    records: &records,
                }])
                .unwrap();
        }
    }

    fn builder(&self) -> ConsumerBuilder {
        Consumer::builder()
            .log(self.dir.path())
            .batch_max_wait(Duration::from_millis(5))
    }

    /// Starts a consumer with only this sink. The previous process may still be about to end.
    async fn run(&self, sink: impl Sink) -> Running {
        within(async {
            loop {
                let free = GroupPositions::open(&self.data(), "user-metadata.own");
                if !matches!(free, Err(OpenError::InUse { .. })) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        Running::start(self.builder().sink("own", sink).build().unwrap())
    }

    fn positions(&self) -> Vec<Option<u64>> {
        let positions = GroupPositions::open(&self.data(), "user-metadata.own").unwrap();
        (0..3)
            .map(|partition| positions.position(partition).unwrap())
            .collect()
    }

    fn ends(&self) -> Vec<Option<u64>> {
        let reader = LogReader::open(self.data().topic_path()).unwrap();
        (0..3).map(|partition| reader.end(partition).ok()).collect()
    }
}

fn to_log(record: Record) -> LogRecord {
    LogRecord {
        key: record.key,
        value: record.value,
        headers: record.headers,
        timestamp_ms: record.timestamp.as_i64(),
    }
}

/// All records of a log, from all partitions.
fn read_all(path: &Path) -> Vec<LogRecord> {
    let mut reader = LogReader::open(path).unwrap();
    let mut records = Vec::new();
    for partition in 0..reader.partitions().get() {
        let stored = reader.read(partition, 0, 1_000, usize::MAX).unwrap();
        records.extend(stored.into_iter().map(|stored| stored.record));
    }
    records
}

/// Takes `count` events and checks that those of each user are in order.
async fn in_order(collected: &mut Collected, count: usize) -> Vec<u64> {
    let mut last: BTreeMap<u32, u64> = BTreeMap::new();
    let mut numbers = Vec::new();
    for _ in 0..count {
        let delivery = collected.next().await;
        let (partition, offset) = (delivery.position.partition, delivery.position.offset);
        if let Some(last) = last.insert(partition, offset) {
            assert_eq!(offset, last + 1, "partition {partition}");
        }
        numbers.push(number(&delivery.event));
    }
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn everything_in_the_log_reaches_the_sink_once_and_in_order_and_is_committed() {
    let mut log = Log::new();
    log.append((0..50).map(record));
    let (sink, mut collected) = collect();
    let consumer = log.run(sink).await;
    assert_eq!(
        in_order(&mut collected, 50).await,
        (0..50).collect::<Vec<_>>()
    );
    log.append((50..60).map(record));
    assert_eq!(collected.numbers(10).await, (50..60).collect::<Vec<_>>());
    let summary = consumer.stopped().await;
    assert_eq!(
        (summary.sinks[0].name.as_str(), summary.sinks[0].written),
        ("own", 60)
    );
    assert!(collected.is_empty());
    assert_eq!(log.positions(), log.ends());
}

#[tokio::test]
async fn a_consumer_continues_where_the_last_one_stopped() {
    let mut log = Log::new();
    log.append((0..5).map(record));
    let (sink, mut collected) = collect();
    let first = log.run(sink).await;
    collected.numbers(5).await;
    first.stopped().await;
    log.append((5..9).map(record));
    let (sink, mut collected) = collect();
    let second = log.run(sink).await;
    assert_eq!(collected.numbers(4).await, [5, 6, 7, 8]);
    second.stopped().await;
}

#[tokio::test]
async fn a_crash_before_the_commit_loses_nothing() {
    let mut log = Log::new();
    log.append((0..20).map(record));
    let (sender, mut batches) = mpsc::unbounded_channel();
    let crashing = log.run(Hang(sender)).await;
    within(batches.recv()).await.unwrap();
    crashing.crashed().await;
    let (sink, mut collected) = collect();
    let consumer = log.run(sink).await;
    assert_eq!(collected.numbers(20).await, (0..20).collect::<Vec<_>>());
    consumer.stopped().await;
    assert!(collected.is_empty());
}

#[tokio::test]
async fn a_sink_starts_where_the_option_says() {
    for (from, expected) in [
        (StartFrom::Earliest, vec![0, 1, 2, 3, 4]),
        (StartFrom::Latest, vec![4]),
        (StartFrom::At(at(2)), vec![2, 3, 4]),
    ] {
        let mut log = Log::new();
        log.append((0..4).map(record));
        let (sink, mut collected) = collect();
        let consumer = log.builder().start_from(from).sink("own", sink).build();
        let consumer = Running::start(consumer.unwrap());
        until(|| consumer.status.health() == ConsumerHealth::Ready).await;
        log.append([record(4)]);
        assert_eq!(
            collected.numbers(expected.len()).await,
            expected,
            "{from:?}"
        );
        consumer.stopped().await;
        assert!(collected.is_empty());
    }
}

#[tokio::test]
async fn latest_is_the_end_of_the_first_start_also_after_a_crash() {
    let mut log = Log::new();
    log.append((0..4).map(record));
    let (sender, mut batches) = mpsc::unbounded_channel();
    let builder = log.builder().start_from(StartFrom::Latest);
    let consumer = builder.sink("own", Hang(sender)).build().unwrap();
    let crashing = Running::start(consumer);
    until(|| crashing.status.health() == ConsumerHealth::Ready).await;
    log.append([record(4)]);
    within(batches.recv()).await.unwrap();
    crashing.crashed().await;
    let (sink, mut collected) = collect();
    // Without a position it would start at the oldest event.
    let consumer = log.run(sink).await;
    assert_eq!(collected.numbers(1).await, [4]);
    consumer.stopped().await;
    assert!(collected.is_empty());
}

#[tokio::test]
async fn a_missing_log_is_waited_for_and_all_of_it_is_new() {
    let mut log = Log::missing();
    let (sink, mut collected) = collect();
    let builder = log.builder().start_from(StartFrom::Latest);
    let consumer = Running::start(builder.sink("own", sink).build().unwrap());
    until(|| !consumer.status.sinks()[0].problems.is_empty()).await;
    let sink = &consumer.status.sinks()[0];
    assert_eq!(sink.state, SinkState::Starting);
    let problem = &sink.problems[0].what;
    assert!(
        problem.ends_with("does not exist yet; it is created when its writer starts"),
        "{problem}"
    );
    log.open();
    log.append((0..3).map(record));
    assert_eq!(collected.numbers(3).await, [0, 1, 2]);
    until(|| consumer.status.health() == ConsumerHealth::Ready).await;
    consumer.stopped().await;
}

#[tokio::test]
async fn a_second_consumer_of_the_group_is_refused_and_told_what_to_do() {
    let log = Log::new();
    let build = |group: &str| {
        let (sink, _) = collect();
        log.builder().group(group).sink("own", sink).build()
    };
    let first = build("user-metadata").unwrap();
    let error = build("user-metadata").unwrap_err();
    assert!(
        matches!(error, BuildError::Log(OpenError::InUse { .. })),
        "{error:?}"
    );
    let words = error.to_string();
    assert!(
        words.contains("user-metadata.own.db is already being written by another"),
        "{words}"
    );
    assert!(words.contains("use Kafka to scale out"), "{words}");
    drop(build("another").unwrap());
    drop(first);
    until(|| build("user-metadata").is_ok()).await;
}

#[tokio::test]
async fn a_damaged_batch_is_counted_as_lost_and_the_rest_is_read() {
    let mut log = Log::new();
    let of_one_user = |number| {
        let mut event = event(number);
        event.user_id = "user-1".to_owned();
        to_log(event.to_record("/test", None).unwrap())
    };
    let writer = log.writer.as_mut().unwrap();
    for numbers in [0..2, 1_002..1_005, 5..6] {
        let records: Vec<_> = numbers.map(of_one_user).collect();
        writer
            .append(&[Batch {
                partition: 1,
                records: &records,
            }])
            .unwrap();
    }
    // When its last connection is closed, SQLite moves everything into the main file.
    log.writer = None;
    let path = log.data().topic_path();
    let mut bytes = std::fs::read(&path).unwrap();
    let marker = b"\"username\":\"1003\"";
    let found = bytes
        .windows(marker.len())
        .position(|window| window == marker);
    bytes[found.unwrap() + marker.len() - 2] = b'X';
    std::fs::write(&path, bytes).unwrap();

    let (sink, mut collected) = collect();
    let consumer = log.run(sink).await;
    assert_eq!(collected.numbers(3).await, [0, 1, 5]);
    until(|| consumer.status.sinks()[0].lost == 3).await;
    let words = consumer.status.sinks()[0].to_string();
    assert!(words.ends_with(", 3 records lost"), "{words}");
    consumer.stopped().await;
    assert_eq!(log.positions()[1], Some(6));
}

#[tokio::test]
async fn what_retention_takes_before_it_is_read_is_counted_as_lost() {
    let mut log = Log::new();
    let key = record(0).key.unwrap();
    let partition = partition_for_key(&key, NonZeroU32::new(3).unwrap());
    log.append([record(0)]);
    let (sink, mut collected) = collect();
    let first = log.run(sink).await;
    collected.numbers(1).await;
    first.stopped().await;
    log.append([record(20), record(40)]);
    log.writer = None;
    let mut options = LogOptions::default();
    options.retention = Some(Duration::ZERO);
    let mut writer = LogWriter::open(log.data().topic_path(), options).unwrap();
    writer.apply_retention(at(1_000).as_i64(), None).unwrap();
    log.writer = Some(writer);
    log.append([record(60)]);
    let (sink, mut collected) = collect();
    let second = log.run(sink).await;
    assert_eq!(collected.numbers(1).await, [60]);
    assert_eq!(second.status.sinks()[0].lost, 2);
    second.stopped().await;
    assert_eq!(log.positions()[partition as usize], Some(4));
}

#[tokio::test]
async fn dead_letters_are_in_their_own_log_with_their_headers() {
    let mut log = Log::new();
    let mut poison = record(0);
    poison.value = Some("no event".into());
    log.append([record(1), poison.clone(), record(3)]);
    let picky = Answer(|batch: &[user_metadata_consumer::Delivery]| {
        let events = batch.iter().enumerate();
        let bad = events.filter(|(_, delivery)| number(&delivery.event) == 3);
        Ok(bad
            .map(|(index, _)| Rejection::new(index, "three is too many"))
            .collect())
    });
    let consumer = log.run(picky).await;
    until(|| consumer.status.sinks()[0].dead_lettered == 2).await;
    consumer.stopped().await;
    assert_eq!(log.positions(), log.ends());
    let mut letters = read_all(&log.data().dead_letters_path());
    letters.sort_by_key(|letter| header(&letter.headers, "dlq_reason"));
    let reasons: Vec<_> = letters
        .iter()
        .map(|letter| header(&letter.headers, "dlq_reason"))
        .collect();
    let undecodable = "value is not an event: invalid JSON (line 1, column 2)";
    assert_eq!(reasons, ["three is too many", undecodable]);
    assert_eq!(
        (&letters[1].key, &letters[1].value),
        (&poison.key, &poison.value)
    );
    assert_eq!(letters[0].value, record(3).value);
    for letter in &letters {
        assert_eq!(header(&letter.headers, "dlq_sink"), "own");
        assert_eq!(header(&letter.headers, "dlq_topic"), "user-metadata");
    }
}

#[tokio::test]
async fn a_dead_letter_log_with_fewer_partitions_than_the_topic_is_written_all_the_same() {
    let mut log = Log::new();
    let path = log.data().dead_letters_path();
    let mut options = LogOptions::default();
    options.partitions = NonZeroU32::MIN;
    drop(LogWriter::open(&path, options).unwrap());
    // Twenty users, some of them in partitions of the topic that the log of dead letters does not
    // have.
    log.append((0..20).map(|number| Record {
        value: Some("no event".into()),
        ..record(number)
    }));
    assert!(log.ends()[1..].iter().any(|end| *end > Some(0)));
    let (sink, _collected) = collect();
    let consumer = log.run(sink).await;
    until(|| consumer.status.sinks()[0].dead_lettered == 20).await;
    consumer.stopped().await;
    assert_eq!(LogReader::open(&path).unwrap().partitions().get(), 1);
    assert_eq!(read_all(&path).len(), 20);
}

#[tokio::test]
async fn a_topic_writer_splits_what_is_large_and_refuses_what_is_too_large() {
    let log = Log::missing();
    let path = log.dir.path().join("own.db");
    let mut writer = LogTopicWriter::new(&path, NonZeroU32::new(2).unwrap());
    let sized = |bytes: usize| Record {
        value: Some(vec![7; bytes].into()),
        timestamp: SystemTime::now().into(),
        ..record(1)
    };
    let records = [sized(5 << 20), sized(5 << 20), sized(9 << 20), sized(1)];
    let refused = writer.append(&records).await.unwrap();
    assert_eq!(
        refused
            .iter()
            .map(|refusal| refusal.index)
            .collect::<Vec<_>>(),
        [2]
    );
    assert!(
        refused[0].reason.ends_with("bytes, more than 8388608"),
        "{}",
        refused[0].reason
    );
    let sizes = read_all(&path)
        .into_iter()
        .map(|record| record.value.unwrap().len());
    assert_eq!(sizes.collect::<Vec<_>>(), [5 << 20, 5 << 20, 1]);
}

#[tokio::test]
async fn a_sink_that_fails_for_good_stops_alone_and_the_end_comes_with_the_last() {
    let mut log = Log::new();
    log.append([record(0)]);
    let (good, mut collected) = collect();
    let bad = Answer(|_: &[_]| Err(SinkError::fatal("no such database")));
    let consumer = log
        .builder()
        .sink("bad", bad)
        .sink("good", good)
        .build()
        .unwrap();
    let consumer = Running::start(consumer);
    until(|| consumer.status.sinks()[0].state == SinkState::Failed).await;
    log.append([record(1)]);
    assert_eq!(collected.numbers(2).await, [0, 1]);
    let ConsumerHealth::NotReady(reasons) = consumer.status.health() else {
        panic!("it must not be ready")
    };
    assert_eq!(reasons, ["bad: stopped for good", "bad: no such database"]);
    // The target of the good sink accepts no more.
    drop(collected);
    log.append([record(2)]);
    let status = consumer.status.clone();
    let RunError::SinkFailed { sink, source } = consumer.ended().await.unwrap_err() else {
        panic!("another error")
    };
    assert_eq!(
        (sink.as_str(), source.to_string().as_str()),
        ("bad", "no such database")
    );
    assert_eq!(status.sinks()[1].state, SinkState::Ended);
}

#[tokio::test]
async fn a_sink_that_panics_fails_alone() {
    let mut log = Log::new();
    log.append([record(0)]);
    let (good, mut collected) = collect();
    let bad = Answer(|_: &[_]| panic!("out of bounds"));
    let consumer = log
        .builder()
        .sink("bad", bad)
        .sink("good", good)
        .build()
        .unwrap();
    let consumer = Running::start(consumer);
    until(|| consumer.status.sinks()[0].state == SinkState::Failed).await;
    assert_eq!(collected.numbers(1).await, [0]);
    let problem = consumer.status.sinks()[0].problems[0].what.clone();
    assert!(problem.contains("panicked"), "{problem}");
    consumer.stopped().await;
}

#[tokio::test]
async fn closed_targets_are_not_a_failure() {
    let mut log = Log::new();
    log.append([record(0)]);
    let consumer = log.run(Answer(|_: &[_]| Err(SinkError::Closed))).await;
    let summary = consumer.ended().await.unwrap();
    assert_eq!(summary.sinks[0].written, 0);
}

#[tokio::test]
async fn a_builder_runs_what_it_builds() {
    let mut log = Log::new();
    log.append([record(0)]);
    let (sink, mut collected) = collect();
    let stop = CancellationToken::new();
    let running = tokio::spawn(log.builder().sink("own", sink).run(stop.clone()));
    assert_eq!(collected.numbers(1).await, [0]);
    stop.cancel();
    let summary = within(running).await.unwrap().unwrap();
    assert_eq!(summary.sinks[0].written, 1);
    let error = log.builder().run(stop).await.unwrap_err();
    assert!(
        matches!(error, RunError::Build(BuildError::NoSink)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_consumer_that_can_not_work_is_not_built() {
    let log = Log::new();
    let sink = || collect().0;
    let words = |builder: ConsumerBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        words(Consumer::builder().sink("own", sink())),
        "nothing to read; call `kafka` or `log`"
    );
    assert_eq!(words(log.builder()), "no sink; add at least one");
    assert_eq!(
        words(log.builder().sink("My Sink", sink())),
        "`My Sink` can't name a sink; use lower-case letters, digits and dashes"
    );
    assert_eq!(
        words(log.builder().sink("a", sink()).sink("a", sink())),
        "two sinks are named `a`; give one of them another name"
    );
    let error = words(log.builder().group("../etc").sink("own", sink()));
    assert!(
        error.starts_with("`../etc.own` can't be a group's name here"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_a_log_is_refused_before_anything_runs() {
    let log = Log::missing();
    std::fs::write(
        log.data().topic_path(),
        "Dear diary, this is not a database at all",
    )
    .unwrap();
    let error = log.builder().sink("own", collect().0).build().unwrap_err();
    assert!(matches!(error, BuildError::Log(_)), "{error:?}");
    assert!(error.to_string().contains("topic.db"), "{error}");
}
