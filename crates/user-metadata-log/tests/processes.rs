//! What a log guarantees across processes: the writer is a child that is killed with −9.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use user_metadata_log::{
    Batch, DataDir, GroupPositions, LogOptions, LogReader, LogRecord, LogWriter, OpenError,
};

const PATH: &str = "USER_METADATA_LOG_TEST_PATH";
const PARTITIONS: u32 = 3;

fn value(partition: u32, offset: u64) -> Vec<u8> {
    format!(
        "{partition}/{offset}/{}",
        "x".repeat((offset % 700) as usize)
    )
    .into_bytes()
}

/// The child: appends group commits as fast as it can, and reports each one.
#[test]
#[ignore = "the other tests run it in a process of its own"]
fn append_until_killed() {
    let path = std::env::var_os(PATH).unwrap();
    let mut options = LogOptions::default();
    options.max_bytes = None;
    let mut writer = LogWriter::open(&path, options).unwrap();
    let reader = LogReader::open(&path).unwrap();
    let mut ends: Vec<u64> = (0..PARTITIONS).map(|p| reader.end(p).unwrap()).collect();
    for round in 0_u64.. {
        let records = ends
            .iter()
            .zip(0..)
            .map(|(&first, partition)| -> Vec<LogRecord> {
                let offsets = first..first + 1 + round % 40;
                offsets
                    .map(|offset| LogRecord {
                        value: Some(value(partition, offset).into()),
                        ..LogRecord::default()
                    })
                    .collect()
            });
        let records: Vec<_> = records.collect();
        let batches: Vec<_> = records
            .iter()
            .zip(0..)
            .map(|(records, partition)| Batch { partition, records })
            .collect();
        assert_eq!(writer.append(&batches).unwrap(), ends);
        for (end, records) in ends.iter_mut().zip(&records) {
            *end += records.len() as u64;
        }
        writeln!(
            std::io::stdout(),
            "acknowledged {} {} {}",
            ends[0],
            ends[1],
            ends[2]
        )
        .unwrap();
    }
}

struct Writer {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Writer {
    fn start(path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["append_until_killed", "--exact", "--ignored", "--nocapture"])
            .env(PATH, path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// Reads acknowledgements until the `count`th, or to the last one of a killed child.
    fn acknowledged(&mut self, count: usize) -> Vec<u64> {
        let lines = self.output.by_ref().lines().map_while(Result::ok);
        let acknowledged = lines.filter_map(|line| {
            let ends = line.strip_prefix("acknowledged ")?;
            Some(ends.split(' ').map(|end| end.parse().unwrap()).collect())
        });
        acknowledged
            .take(count)
            .last()
            .unwrap_or_else(|| vec![0; PARTITIONS as usize])
    }

    /// Kills it with −9 and returns all that it had acknowledged.
    fn kill(mut self, so_far: Vec<u64>) -> Vec<u64> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let last = self.acknowledged(usize::MAX);
        so_far
            .into_iter()
            .zip(last)
            .map(|(a, b)| a.max(b))
            .collect()
    }
}

/// Reads from `next` to the end, checks every record, and returns the end.
fn read_on(reader: &mut LogReader, partition: u32, mut next: u64) -> u64 {
    loop {
        let records = reader.read(partition, next, 1_000, 1 << 20).unwrap();
        if records.is_empty() {
            return next;
        }
        for stored in records {
            assert_eq!(stored.offset, next);
            assert_eq!(stored.record.value, Some(value(partition, next).into()));
            next += 1;
        }
    }
}

#[test]
fn kill_9_in_the_middle_of_appends_loses_none_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let path = DataDir::new(dir.path()).topic_path();
    for round in 0..25 {
        let mut writer = Writer::start(&path);
        let so_far = writer.acknowledged(1 + round * 7 % 60);
        let acknowledged = writer.kill(so_far);
        let mut reader = LogReader::open(&path).unwrap();
        for partition in 0..PARTITIONS {
            let end = read_on(&mut reader, partition, 0);
            assert_eq!(end, reader.end(partition).unwrap());
            let acknowledged = acknowledged[partition as usize];
            assert!(
                acknowledged > 0 && end >= acknowledged,
                "{end} of {acknowledged}"
            );
        }
    }
}

#[test]
fn a_reader_follows_a_writer_of_another_process_and_a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = DataDir::new(dir.path()).topic_path();
    let mut writer = Writer::start(&path);
    let mut so_far = writer.acknowledged(1);
    let mut reader = LogReader::open(&path).unwrap();
    let mut next = [0; PARTITIONS as usize];
    for _ in 0..50 {
        so_far = writer.acknowledged(5);
        // Reading only after a change was reported misses nothing.
        if reader.changed().unwrap() {
            for (partition, next) in (0..).zip(&mut next) {
                *next = read_on(&mut reader, partition, *next);
            }
        }
        assert!(
            next.iter()
                .zip(&so_far)
                .all(|(next, acknowledged)| next >= acknowledged)
        );
        let second = LogWriter::open(&path, LogOptions::default());
        assert!(matches!(second, Err(OpenError::InUse { .. })));
    }
    // The kernel releases the lock, however the process ended.
    let acknowledged = writer.kill(so_far);
    LogWriter::open(&path, LogOptions::default()).unwrap();
    for partition in 0..PARTITIONS {
        let end = read_on(&mut reader, partition, next[partition as usize]);
        assert!(end >= acknowledged[partition as usize]);
    }
}

#[test]
fn retention_reads_the_positions_of_a_group_that_is_in_use() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = DataDir::new(scratch.path());
    let mut options = LogOptions::default();
    options.retention = Some(Duration::ZERO);
    let mut writer = LogWriter::open(dir.topic_path(), options).unwrap();
    let mut positions = GroupPositions::open(&dir, "group").unwrap();
    let record = LogRecord {
        timestamp_ms: 1,
        ..LogRecord::default()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    for round in 0..100 {
        writer
            .append(&[Batch {
                partition: 0,
                records: &[record.clone(), record.clone()],
            }])
            .unwrap();
        positions.commit(&[(0, 2 * round + 1)]).unwrap();
        let removed = writer.apply_retention(2, Some(&dir.groups_path())).unwrap();
        assert_eq!((removed.records, removed.unread), (2, 1));
    }
    assert!(Instant::now() < deadline, "the two waited for each other");
}
