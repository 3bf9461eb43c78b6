//! What a queue promises, also of a file that was damaged.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use proptest::prelude::*;
use user_metadata_log::{
    DiskQueue, DiskQueueReader, EncodedBatch, LogRecord, LogSync, OpenError, QueueContents,
    QueueReadError,
};

fn batch(numbers: impl IntoIterator<Item = u64>) -> EncodedBatch {
    let mut batch = EncodedBatch::default();
    for number in numbers {
        let record = record(number);
        let headers = record.headers.iter();
        batch.push(
            record.key.as_deref(),
            record.value.as_deref(),
            headers.map(|(name, value)| (name, value)),
            record.timestamp_ms,
        );
    }
    batch
}

fn record(number: u64) -> LogRecord {
    let length = 300 + usize::try_from(number % 7).unwrap() * 100;
    LogRecord {
        key: Some(number.to_le_bytes().to_vec().into()),
        value: Some(vec![number as u8; length].into()),
        headers: vec![("ce_id".into(), number.to_string().into())],
        timestamp_ms: number.cast_signed(),
    }
}

fn open(path: &Path) -> DiskQueue {
    let (queue, found) = DiskQueue::open(path, LogSync::Normal).unwrap();
    assert_eq!(found.damage, None);
    queue
}

fn number(record: &LogRecord) -> u64 {
    assert_eq!(record, &self::record(record.timestamp_ms.cast_unsigned()));
    record.timestamp_ms.cast_unsigned()
}

/// The numbers of all records, in order.
fn numbers(queue: &DiskQueue) -> Vec<u64> {
    let mut last = 0;
    std::iter::from_fn(|| {
        let batch = queue.next(last).unwrap()?;
        last = batch.id;
        let records = batch.records.iter();
        Some(
            records
                .map(|record| number(&record.to_record()))
                .collect::<Vec<_>>(),
        )
    })
    .flatten()
    .collect()
}

/// Copies the files of a queue as a kill −9 would leave them.
fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        if Path::new(&name(from)).exists() {
            fs::copy(name(from), name(to)).unwrap();
        }
    }
}

#[test]
fn batches_come_back_in_order_and_those_that_are_done_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let mut queue = open(&path);
    let ids: Vec<u64> = (0..5)
        .map(|n| queue.write(&batch(n * 2..n * 2 + 2), &[]).unwrap())
        .collect();
    assert!(ids.is_sorted());
    queue
        .write(&EncodedBatch::default(), &[ids[0], ids[3]])
        .unwrap();
    assert_eq!(numbers(&queue), [2, 3, 4, 5, 8, 9]);
    let reader = DiskQueueReader::open(&path).unwrap();
    let QueueContents {
        batches, records, ..
    } = reader.contents().unwrap();
    assert_eq!((batches, records), (3, 6));
    let first = reader.next(0).unwrap().unwrap();
    assert_eq!((first.id, first.records.len()), (ids[1], 2));
    drop(reader);
    drop(queue);
    let (mut queue, found) = DiskQueue::open(&path, LogSync::Normal).unwrap();
    assert_eq!((found.contents.batches, found.contents.records), (3, 6));
    assert!(queue.write(&batch([10]), &[]).unwrap() > ids[4]);
    assert_eq!(numbers(&queue), [2, 3, 4, 5, 8, 9, 10]);
}

#[test]
fn behind_a_damaged_batch_reading_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let mut queue = open(&path);
    for n in 0..3 {
        queue.write(&batch(n * 5..n * 5 + 5), &[]).unwrap();
    }
    let file = rusqlite::Connection::open(&path).unwrap();
    let damage = "UPDATE batches SET records = zeroblob(9) WHERE id = 2";
    assert_eq!(file.execute(damage, ()).unwrap(), 1);
    let reader = DiskQueueReader::open(&path).unwrap();
    assert_eq!(reader.next(0).unwrap().unwrap().id, 1);
    let Err(QueueReadError::Corrupt { id, records }) = reader.next(1) else {
        panic!("it is damaged");
    };
    assert_eq!((id, records), (2, 5));
    assert_eq!(reader.next(id).unwrap().unwrap().id, 3);
}

#[test]
fn a_second_writer_is_refused_and_a_reader_waits_for_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let missing = DiskQueueReader::open(&path).unwrap_err();
    assert!(matches!(missing, OpenError::Missing { .. }));
    let _queue = open(&path);
    let refused = DiskQueue::open(&path, LogSync::Normal).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
}

#[test]
fn what_is_written_survives_and_the_log_beside_the_file_stays_small() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let mut queue = open(&path);
    let mut done = Vec::new();
    for n in 0..2_000 {
        done = vec![queue.write(&batch(n * 200..n * 200 + 200), &done).unwrap()];
    }
    // 240 MB went through it.
    let size = |suffix: &str| {
        let name = format!("{}{suffix}", path.display());
        fs::metadata(name).unwrap().len() >> 20
    };
    assert!(size("") < 16, "{} MiB", size(""));
    assert!(size("-wal") < 160, "{} MiB", size("-wal"));
    let copied = dir.path().join("copy.db");
    copy(&path, &copied);
    assert_eq!(
        numbers(&open(&copied)),
        (1_999 * 200..2_000 * 200).collect::<Vec<_>>()
    );
}

#[test]
fn a_file_that_is_deleted_is_made_again_with_all_batches_under_their_ids() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    let path = folder.join("outbox.db");
    let mut queue = open(&path);
    let ids: Vec<u64> = (0..50)
        .map(|n| queue.write(&batch([n]), &[]).unwrap())
        .collect();
    queue.write(&EncodedBatch::default(), &ids[40..]).unwrap();
    assert!(queue.is_in_place());
    fs::remove_dir_all(&folder).unwrap();
    assert!(!queue.is_in_place());
    fs::create_dir(&folder).unwrap();
    fs::write(&path, "something else").unwrap();
    assert!(!queue.is_in_place());
    let refused = queue.put_back().unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), b"something else");
    fs::remove_file(&path).unwrap();
    queue.put_back().unwrap();
    assert!(queue.is_in_place());
    let in_use = DiskQueue::open(&path, LogSync::Normal).unwrap_err();
    assert!(matches!(in_use, OpenError::InUse { .. }), "{in_use}");
    // No id is given twice.
    assert!(queue.write(&batch([50]), &ids[..10]).unwrap() > ids[49]);
    fs::remove_file(&path).unwrap();
    queue.put_back().unwrap();
    queue.write(&batch([51]), &[]).unwrap();
    let copied = dir.path().join("copy.db");
    copy(&path, &copied);
    let left: Vec<u64> = (10..40).chain([50, 51]).collect();
    assert_eq!(numbers(&open(&copied)), left);
    drop(queue);
    assert_eq!(numbers(&open(&path)), left);
}

#[test]
fn a_file_that_is_something_else_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let text = b"not a database, whatever its name says".repeat(9);
    fs::write(&path, &text).unwrap();
    let (mut queue, found) = DiskQueue::open(&path, LogSync::Normal).unwrap();
    let damage = found.damage.unwrap();
    assert_eq!((damage.read, damage.lost), (0, 0));
    let kept = fs::read(damage.kept_as).unwrap();
    assert_eq!(kept, text);
    queue.write(&batch([1]), &[]).unwrap();
    drop(queue);
    assert_eq!(numbers(&open(&path)), [1]);
}

/// A queue of 60 batches of 1 to 12 records, half of them removed again, as a kill −9 leaves it:
/// all in the log, or most of it in the database.
fn killed(dir: &Path, is_moved: bool) -> (std::path::PathBuf, Vec<u64>) {
    let (live, killed) = (dir.join("live.db"), dir.join("outbox.db"));
    let mut queue = open(&live);
    let mut next = 0;
    let mut ids = Vec::new();
    for n in 0..60 {
        let count = 1 + n % 12;
        ids.push(queue.write(&batch(next..next + count), &[]).unwrap());
        next += count;
    }
    let done: Vec<u64> = ids.iter().copied().filter(|id| id % 2 == 0).collect();
    queue.write(&EncodedBatch::default(), &done).unwrap();
    let left = numbers(&queue);
    if is_moved {
        drop(queue);
    }
    copy(&live, &killed);
    (killed, left)
}

#[test]
fn a_page_that_breaks_under_an_open_queue_takes_no_batches_but_its_own_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let mut queue = open(&path);
    // More than SQLite keeps in memory.
    for n in 0..20_000 {
        queue.write(&batch([n]), &[]).unwrap();
    }
    drop(queue);
    let queue = open(&path);
    break_leaf(&path, 0.2);
    let (mut read, mut last, mut stepped_over) = (Vec::new(), 0, 0);
    loop {
        let batch = match queue.next(last) {
            Ok(batch) => batch,
            Err(QueueReadError::Storage(error)) if error.is_damage() => {
                stepped_over += 1;
                queue.next_readable(last)
            }
            Err(error) => panic!("{error}"),
        };
        let Some(batch) = batch else { break };
        last = batch.id;
        read.extend(batch.records.iter().map(|record| record.timestamp_ms));
    }
    assert_eq!(stepped_over, 1);
    assert!((19_980..20_000).contains(&read.len()), "{}", read.len());
    assert!(read.is_sorted());
    assert_eq!(read.last(), Some(&19_999));
}

/// Makes a page of the table, so far into the file, one that SQLite can't read.
fn break_leaf(path: &Path, share: f64) {
    const PAGE: usize = 4_096;
    let bytes = fs::read(path).unwrap();
    let is_leaf = |page: &usize| bytes[page * PAGE] == 0x0d;
    let leaves: Vec<usize> = (1..bytes.len() / PAGE).filter(is_leaf).collect();
    let page = leaves[(leaves.len() as f64 * share) as usize];
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start((page * PAGE) as u64)).unwrap();
    file.write_all(&[0xff]).unwrap();
}

/// A power cut may leave the first frames of a log as they were before it started over, and later
/// ones written.
#[test]
fn old_pages_in_a_log_hide_nothing_that_is_in_the_database() {
    const FRAMES: usize = 32 + 3 * (24 + 4_096);
    let dir = tempfile::tempdir().unwrap();
    let (path, cut) = (dir.path().join("live.db"), dir.path().join("outbox.db"));
    let log = |path: &Path| path.with_extension("db-wal");
    let mut queue = open(&path);
    queue.write(&batch([0]), &[]).unwrap();
    let old = fs::read(log(&path)).unwrap();
    for n in 1..60 {
        queue.write(&batch([n]), &[]).unwrap();
    }
    let safe = numbers(&queue);
    drop(queue);
    let mut queue = open(&path);
    for n in 60..65 {
        queue.write(&batch([n]), &[]).unwrap();
    }
    copy(&path, &cut);
    let mut written = fs::read(log(&cut)).unwrap();
    written[32..FRAMES].copy_from_slice(&old[32..FRAMES]);
    let pages = |log: &[u8]| -> Vec<u8> { log.chunks(24 + 4_096).map(|frame| frame[3]).collect() };
    let (before, after) = (pages(&old[32..FRAMES]), pages(&written[FRAMES..]));
    assert!(
        before.contains(&2) && !after.contains(&2),
        "{before:?} {after:?}"
    );
    fs::write(log(&cut), &written).unwrap();

    let (queue, found) = DiskQueue::open(&cut, LogSync::Normal).unwrap();
    let read = numbers(&queue);
    assert!(safe.iter().all(|number| read.contains(number)), "{read:?}");
    let damage = found.damage.unwrap();
    // It is kept as it was.
    let kept = fs::read(format!("{}-wal", damage.kept_as.display())).unwrap();
    assert!(kept == written);
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    Flip,
    Cut,
    /// A whole page of zeros, as a power cut leaves it.
    Blank,
}

fn harm(path: &Path, harm: Harm, place: prop::sample::Index, bit: u8) -> usize {
    let mut bytes = fs::read(path).unwrap();
    let at = place.index(bytes.len());
    match harm {
        Harm::Flip => bytes[at] ^= 1 << bit,
        Harm::Cut => bytes.truncate(at),
        Harm::Blank => {
            let end = bytes.len().min(at + 4_096);
            bytes[at..end].fill(0);
        }
    }
    fs::write(path, bytes).unwrap();
    at
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_to_a_file_it_opens_and_gives_what_can_be_read(
        kind in prop_oneof![Just(Harm::Flip), Just(Harm::Cut), Just(Harm::Blank)],
        place: prop::sample::Index,
        bit in 0_u8..8,
        is_moved: bool,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, left) = killed(dir.path(), is_moved);
        let harmed = if is_moved { path.clone() } else { dir.path().join("outbox.db-wal") };
        let at = harm(&harmed, kind, place, bit);
        let (mut queue, found) = match DiskQueue::open(&path, LogSync::Normal) {
            Ok(opened) => opened,
            // The version is told twice nowhere.
            Err(OpenError::NewerFormat { .. }) => return Ok(()),
            Err(error) => panic!("{error:?}"),
        };
        let read = numbers(&queue);
        prop_assert_eq!(found.contents.records, read.len() as u64);
        prop_assert!(read.iter().all(|number| *number < 390), "{:?}", read);
        let missing = left.iter().filter(|number| !read.contains(number)).count();
        if let Some(damage) = &found.damage {
            prop_assert!(damage.kept_as.exists());
            prop_assert_eq!(damage.read, read.len() as u64);
        }
        // A log that ends early can't tell what it held; all else is noticed.
        if !matches!(kind, Harm::Cut) || is_moved {
            prop_assert!(missing == 0 || found.damage.is_some(), "{kind:?} at {at}: {missing} missing");
        }
        // No more than the batch that the bit stands in.
        if matches!(kind, Harm::Flip) {
            prop_assert!(missing <= 12, "{missing} of {} missing, {kind:?} at {at}: {found:?}", left.len());
        }
        queue.write(&batch([1_000]), &[]).unwrap();
    }
}
