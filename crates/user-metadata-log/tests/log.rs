//! What a log guarantees within one process.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use user_metadata_log::{
    AppendError, AppendOnceError, Batch, DataDir, GroupPositions, LogOptions, LogReader, LogRecord,
    LogWriter, OpenError, ReadError, append_once,
};

fn record(value: impl Into<Bytes>, timestamp_ms: i64) -> LogRecord {
    LogRecord {
        key: Some("user-1".into()),
        value: Some(value.into()),
        headers: vec![("ce_id".into(), "1".into())],
        timestamp_ms,
    }
}

/// A partition and the records for it.
type Owned = (u32, Vec<LogRecord>);

fn batch(partition: u32, timestamps: &[i64]) -> Owned {
    let records = timestamps.iter().map(|&at| record(format!("at {at}"), at));
    (partition, records.collect())
}

/// A batch of one record of `bytes` bytes.
fn large(partition: u32, bytes: usize, timestamp_ms: i64) -> Owned {
    (partition, vec![record(vec![7; bytes], timestamp_ms)])
}

fn borrow((partition, records): &Owned) -> Batch<'_> {
    Batch {
        partition: *partition,
        records,
    }
}

fn append(writer: &mut LogWriter, batches: &[Owned]) -> Result<Vec<u64>, AppendError> {
    writer.append(&batches.iter().map(borrow).collect::<Vec<_>>())
}

fn offsets(reader: &mut LogReader, partition: u32, from: u64) -> Vec<u64> {
    let records = reader
        .read(partition, from, usize::MAX, usize::MAX)
        .unwrap();
    records.iter().map(|stored| stored.offset).collect()
}

#[test]
fn records_come_back_in_order_with_contiguous_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    assert_eq!(writer.partitions().get(), 3);
    let first = append(
        &mut writer,
        &[batch(0, &[1, 2]), batch(2, &[3]), batch(0, &[4])],
    )
    .unwrap();
    assert_eq!(first, [0, 0, 2]);
    assert_eq!(
        append(&mut writer, &[batch(1, &[]), batch(0, &[5])]).unwrap(),
        [0, 3]
    );

    let mut reader = LogReader::open(&path).unwrap();
    assert_eq!(reader.partitions().get(), 3);
    let read = reader.read(0, 1, 10, usize::MAX).unwrap();
    let read: Vec<_> = read
        .into_iter()
        .map(|stored| (stored.offset, stored.record))
        .collect();
    assert_eq!(
        read,
        [
            (1, record("at 2", 2)),
            (2, record("at 4", 4)),
            (3, record("at 5", 5))
        ]
    );
    assert_eq!(offsets(&mut reader, 1, 0), []);
    assert_eq!(
        (reader.earliest(0).unwrap(), reader.end(0).unwrap()),
        (0, 4)
    );
    assert_eq!(reader.end(1).unwrap(), 0);
}

#[test]
fn a_read_ends_at_either_bound_and_returns_at_least_one_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    append(&mut writer, &[batch(0, &[1, 2, 3]), batch(0, &[4, 5, 6])]).unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    assert_eq!(reader.read(0, 1, 3, usize::MAX).unwrap().len(), 3);
    assert_eq!(reader.read(0, 1, 100, 1).unwrap().len(), 1);
    let two = 2 * record("at 1", 1).payload_bytes();
    assert_eq!(reader.read(0, 2, 100, two).unwrap().len(), 2);
}

#[test]
fn a_reader_sees_what_another_connection_appended() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    assert!(reader.changed().unwrap());
    assert!(!reader.changed().unwrap());
    append(&mut writer, &[batch(0, &[1])]).unwrap();
    assert!(reader.changed().unwrap());
    assert_eq!(offsets(&mut reader, 0, 0), [0]);
    assert!(!reader.changed().unwrap());
}

#[test]
fn a_refused_append_appends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    let refused = append(&mut writer, &[batch(0, &[1]), batch(3, &[2])]);
    assert!(matches!(
        refused,
        Err(AppendError::UnknownPartition { partition: 3 })
    ));
    let refused = append(&mut writer, &[batch(0, &[1]), large(1, 64 << 20, 1)]);
    assert!(matches!(refused, Err(AppendError::TooLarge { .. })));
    let reader = LogReader::open(&path).unwrap();
    assert_eq!((reader.end(0).unwrap(), reader.end(1).unwrap()), (0, 0));
    assert!(matches!(
        reader.end(3),
        Err(ReadError::UnknownPartition { partition: 3 })
    ));
}

#[test]
fn an_existing_file_keeps_its_partitions_and_its_records() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    append(&mut writer, &[batch(2, &[1])]).unwrap();
    drop(writer);
    let mut options = LogOptions::default();
    options.partitions = NonZeroU32::new(5).unwrap();
    let mut writer = LogWriter::open(&path, options).unwrap();
    assert_eq!(writer.partitions().get(), 3);
    assert_eq!(append(&mut writer, &[batch(2, &[2])]).unwrap(), [1]);
}

#[test]
fn offset_at_finds_the_first_record_that_is_not_older() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    append(
        &mut writer,
        &[batch(0, &[10, 30]), batch(0, &[20]), batch(0, &[40, 50])],
    )
    .unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    let found: Vec<u64> = [0, 10, 11, 30, 31, 50, 51]
        .iter()
        .map(|&at| reader.offset_at(0, at).unwrap())
        .collect();
    assert_eq!(found, [0, 0, 1, 1, 3, 4, 5]);
    assert_eq!(reader.offset_at(1, 0).unwrap(), 0);
}

#[test]
fn retention_by_age_removes_the_oldest_and_counts_what_a_group_had_not_read() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = DataDir::new(scratch.path());
    let mut options = LogOptions::default();
    options.retention = Some(Duration::from_millis(100));
    let mut writer = LogWriter::open(dir.topic_path(), options).unwrap();
    let batches = [
        batch(0, &[10, 20]),
        batch(1, &[15]),
        batch(0, &[90, 120]),
        batch(0, &[95]),
    ];
    append(&mut writer, &batches).unwrap();
    let groups = dir.groups_path();
    let mut positions = GroupPositions::open(&dir, "fast").unwrap();
    positions.commit(&[(0, 5), (1, 1)]).unwrap();
    let mut slow = GroupPositions::open(&dir, "slow").unwrap();
    slow.commit(&[(0, 1), (1, 1)]).unwrap();

    let removed = writer.apply_retention(115, Some(&groups)).unwrap();
    assert_eq!((removed.records, removed.unread), (0, 0));
    let removed = writer.apply_retention(150, Some(&groups)).unwrap();
    assert_eq!((removed.records, removed.unread), (3, 1));
    // The last batch is too old as well, but an earlier one of its partition is not.
    let removed = writer.apply_retention(200, Some(&groups)).unwrap();
    assert_eq!((removed.records, removed.unread), (0, 0));
    let mut reader = LogReader::open(dir.topic_path()).unwrap();
    assert_eq!(offsets(&mut reader, 0, 2), [2, 3, 4]);

    let removed = writer.apply_retention(i64::MAX, Some(&groups)).unwrap();
    assert_eq!((removed.records, removed.unread), (3, 3));
    assert_eq!(
        (reader.earliest(0).unwrap(), reader.end(0).unwrap()),
        (5, 5)
    );
    assert_eq!(
        (reader.earliest(1).unwrap(), reader.end(1).unwrap()),
        (1, 1)
    );
    assert!(matches!(
        reader.read(0, 2, 1, 1),
        Err(ReadError::OutOfRange {
            offset: 2,
            earliest: 5,
            end: 5,
            ..
        })
    ));
    assert_eq!(append(&mut writer, &[batch(0, &[1])]).unwrap(), [5]);
}

#[test]
fn without_a_group_nothing_counts_as_unread() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = LogOptions::default();
    options.retention = Some(Duration::ZERO);
    let mut writer = LogWriter::open(dir.path().join("topic.db"), options).unwrap();
    append(&mut writer, &[batch(0, &[10, 20])]).unwrap();
    let removed = writer
        .apply_retention(100, Some(&dir.path().join("groups")))
        .unwrap();
    assert_eq!((removed.records, removed.unread), (2, 0));
}

#[test]
fn retention_by_size_keeps_the_newest_and_the_file_stops_growing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let max_bytes = 2 << 20;
    let mut options = LogOptions::default();
    options.max_bytes = Some(max_bytes);
    options.retention = None;
    let mut writer = LogWriter::open(&path, options).unwrap();
    let mut removed = 0;
    for n in 0..1_000 {
        append(&mut writer, &[large(n % 3, 10_000, 0)]).unwrap();
        removed += writer.apply_retention(i64::MAX, None).unwrap().records;
    }
    let mut reader = LogReader::open(&path).unwrap();
    let left: u64 = (0..3)
        .map(|p| reader.end(p).unwrap() - reader.earliest(p).unwrap())
        .sum();
    assert_eq!(removed + left, 1_000);
    assert!(
        (180..210).contains(&left),
        "{left} records of 10 kB in 2 MiB"
    );
    let first = reader.earliest(0).unwrap();
    assert_eq!(offsets(&mut reader, 0, first).last(), Some(&333));
    drop((reader, writer));
    assert!(path.metadata().unwrap().len() < max_bytes + (1 << 20));
}

#[test]
fn a_second_writer_is_refused_with_the_advice_to_use_kafka() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    let writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    let refused = LogWriter::open(&path, LogOptions::default()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }));
    assert!(
        refused.to_string().contains("use Kafka to scale out"),
        "{refused}"
    );
    drop(writer);
    LogWriter::open(&path, LogOptions::default()).unwrap();
}

#[test]
fn a_log_that_does_not_exist_is_missing_and_a_foreign_file_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topic.db");
    assert!(matches!(
        LogReader::open(&path),
        Err(OpenError::Missing { .. })
    ));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(
        LogReader::open(&path),
        Err(OpenError::Missing { .. })
    ));
    let text = "not a database, but long enough to be looked at ".repeat(50);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(
        LogReader::open(&path),
        Err(OpenError::Foreign { .. })
    ));
    let writer = LogWriter::open(&path, LogOptions::default());
    assert!(matches!(writer, Err(OpenError::Foreign { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    let data = DataDir::new(dir.path());
    drop(GroupPositions::open(&data, "group").unwrap());
    let positions = LogReader::open(data.groups_path().join("group.db"));
    assert!(matches!(positions, Err(OpenError::Foreign { .. })));

    let path = dir.path().join("empty.db");
    drop(LogWriter::open(&path, LogOptions::default()).unwrap());
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute("DELETE FROM partitions", ())
        .unwrap();
    assert!(matches!(
        LogReader::open(&path),
        Err(OpenError::Foreign { .. })
    ));
    let writer = LogWriter::open(&path, LogOptions::default());
    assert!(matches!(writer, Err(OpenError::Foreign { .. })));
}

#[test]
fn a_file_of_a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(dir.path());
    drop(LogWriter::open(data.topic_path(), LogOptions::default()).unwrap());
    drop(GroupPositions::open(&data, "group").unwrap());
    for path in [data.topic_path(), data.groups_path().join("group.db")] {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.pragma_update(None, "user_version", 2).unwrap();
    }
    let newer = |error: &OpenError| {
        matches!(
            error,
            OpenError::NewerFormat {
                found: 2,
                supported: 1,
                ..
            }
        )
    };
    assert!(newer(
        &LogWriter::open(data.topic_path(), LogOptions::default()).unwrap_err()
    ));
    assert!(newer(&LogReader::open(data.topic_path()).unwrap_err()));
    assert!(newer(&GroupPositions::open(&data, "group").unwrap_err()));
}

#[test]
fn positions_are_kept_and_held_by_one_process_per_group() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(dir.path());
    let mut positions = GroupPositions::open(&data, "user-metadata.sqlite").unwrap();
    assert_eq!(positions.position(0).unwrap(), None);
    positions
        .commit(&[(0, 7), (2, u64::from(u32::MAX))])
        .unwrap();
    positions.commit(&[(0, 8)]).unwrap();
    let second = GroupPositions::open(&data, "user-metadata.sqlite");
    assert!(matches!(second, Err(OpenError::InUse { .. })));
    GroupPositions::open(&data, "user-metadata.stdout").unwrap();
    drop(positions);
    let positions = GroupPositions::open(&data, "user-metadata.sqlite").unwrap();
    let found: Vec<_> = (0..3)
        .map(|partition| positions.position(partition).unwrap())
        .collect();
    assert_eq!(found, [Some(8), None, Some(u64::from(u32::MAX))]);
}

#[test]
fn a_groups_name_cannot_leave_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(dir.path());
    for name in [
        "",
        "../topic",
        "a/b",
        ".hidden",
        "a\0b",
        "ü",
        &"x".repeat(201),
    ] {
        let refused = GroupPositions::open(&data, name);
        assert!(
            matches!(refused, Err(OpenError::GroupName { .. })),
            "{name:?}"
        );
    }
    assert!(!data.groups_path().exists());
}

#[test]
fn append_once_waits_for_the_lock_and_gives_up_after_its_patience() {
    let dir = tempfile::tempdir().unwrap();
    let path = DataDir::new(dir.path()).dead_letters_path();
    let append = |patience| {
        append_once(
            &path,
            LogOptions::default(),
            &[borrow(&batch(1, &[i64::MAX]))],
            patience,
        )
    };
    assert_eq!(append(Duration::ZERO).unwrap(), [0]);
    let holder = LogWriter::open(&path, LogOptions::default()).unwrap();
    let refused = append(Duration::from_millis(20)).unwrap_err();
    assert!(matches!(
        refused,
        AppendOnceError::Open(OpenError::InUse { .. })
    ));
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| append(Duration::from_secs(60)).unwrap()))
            .collect();
        drop(holder);
        let mut offsets: Vec<_> = waiting
            .into_iter()
            .flat_map(|t| t.join().unwrap())
            .collect();
        offsets.sort_unstable();
        assert_eq!(offsets, [1, 2, 3, 4]);
    });
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(dir.path().join("a/data"));
    let mut writer = LogWriter::open(data.topic_path(), LogOptions::default()).unwrap();
    append(&mut writer, &[batch(0, &[1])]).unwrap();
    let _positions = GroupPositions::open(&data, "group").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(data.path()), mode(&data.groups_path())),
        (0o700, 0o700)
    );
    let files = |directory: &Path| -> Vec<_> {
        let files = std::fs::read_dir(directory)
            .unwrap()
            .map(|file| file.unwrap().path());
        files.filter(|path| path.is_file()).collect()
    };
    let files = [files(data.path()), files(&data.groups_path())].concat();
    assert!(
        files.iter().any(|path| path.ends_with("topic.db-wal")),
        "{files:?}"
    );
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// Closes a log of three partitions with `batches` batches of three records, and returns its path.
fn closed_log(dir: &Path, batches: u32) -> std::path::PathBuf {
    let path = dir.join("topic.db");
    let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
    for n in 0..batches {
        let values: Vec<_> = (0..3)
            .map(|i| record(format!("<{n}/{i}>"), i64::from(n)))
            .collect();
        append(&mut writer, &[(n % 3, values)]).unwrap();
    }
    path
}

/// Reads a partition to its end as a consumer does, past damaged batches; returns what it read and
/// how many records it skipped.
fn read_over_damage(reader: &mut LogReader, partition: u32) -> Result<(Vec<u64>, u64), ReadError> {
    let (mut next, mut read, mut skipped) = (reader.earliest(partition)?, Vec::new(), 0);
    loop {
        match reader.read(partition, next, 2, usize::MAX) {
            Ok(records) if records.is_empty() => return Ok((read, skipped)),
            Ok(records) => {
                for stored in &records {
                    let batch = partition + 3 * u32::try_from(stored.offset / 3).unwrap();
                    let value = format!("<{batch}/{}>", stored.offset % 3);
                    assert_eq!(stored.record, record(value, i64::from(batch)));
                }
                read.extend(records.iter().map(|stored| stored.offset));
                next = records.last().unwrap().offset + 1;
            }
            Err(ReadError::Corrupt {
                offset,
                next_offset,
                ..
            }) => {
                assert!(offset == next && next_offset > next);
                skipped += next_offset - next;
                next = next_offset;
            }
            Err(error) => return Err(error),
        }
    }
}

#[test]
fn a_damaged_batch_is_reported_and_can_be_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let path = closed_log(dir.path(), 9);
    let mut file = std::fs::read(&path).unwrap();
    let at = file.windows(5).position(|bytes| bytes == b"<3/1>").unwrap();
    file[at + 1] ^= 1;
    std::fs::write(&path, file).unwrap();
    let mut reader = LogReader::open(&path).unwrap();
    assert_eq!(
        read_over_damage(&mut reader, 0).unwrap(),
        (vec![0, 1, 2, 6, 7, 8], 3)
    );
    assert_eq!(
        read_over_damage(&mut reader, 1).unwrap(),
        ((0..9).collect(), 0)
    );
    let error = reader.read(0, 4, 1, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "records 4 to 5 of partition 0 are damaged"
    );
    assert_eq!(reader.offset_at(0, 1).unwrap(), 3);
}

#[test]
fn a_row_that_is_torn_or_gone_is_a_damaged_batch() {
    let damages = [
        "UPDATE batches SET records = substr(records, 1, 20) WHERE sequence = 4",
        "UPDATE batches SET records = zeroblob(0) WHERE sequence = 4",
        "UPDATE batches SET checksum = -1 WHERE sequence = 4",
        "UPDATE batches SET max_timestamp_ms = 0 WHERE sequence = 4",
        "UPDATE batches SET records = (SELECT records FROM batches WHERE sequence = 1),
             checksum = (SELECT checksum FROM batches WHERE sequence = 1) WHERE sequence = 4",
    ];
    for damage in damages {
        let dir = tempfile::tempdir().unwrap();
        let path = closed_log(dir.path(), 9);
        assert_eq!(
            rusqlite::Connection::open(&path)
                .unwrap()
                .execute(damage, ())
                .unwrap(),
            1
        );
        let mut reader = LogReader::open(&path).unwrap();
        let read = read_over_damage(&mut reader, 0).unwrap();
        assert_eq!(read, (vec![0, 1, 2, 6, 7, 8], 3), "{damage}");
        let mut writer = LogWriter::open(&path, LogOptions::default()).unwrap();
        assert_eq!(
            append(&mut writer, &[batch(0, &[1])]).unwrap(),
            [9],
            "{damage}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A damaged file may be unreadable, but what is read is what was written, and reading ends.
    #[test]
    fn no_flipped_bit_of_the_file_yields_a_wrong_record(bit: prop::sample::Index) {
        let dir = tempfile::tempdir().unwrap();
        let path = closed_log(dir.path(), 60);
        let mut file = std::fs::read(&path).unwrap();
        let bit = bit.index(file.len() * 8);
        file[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, file).unwrap();
        if let Ok(mut reader) = LogReader::open(&path) {
            for partition in 0..3 {
                drop(read_over_damage(&mut reader, partition));
                drop(reader.offset_at(partition, 30));
            }
        }
    }
}
