//! Whole lines, in one file after the other.
#![cfg(feature = "file")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use support::{delivery, event, fixture};
use tempfile::TempDir;
use user_metadata_consumer::{Delivery, Sink, SinkError};
use user_metadata_events::UserMetadataEvent;
use user_metadata_sinks::{FileError, FileSink, OpenError, Rotation};

fn dir() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("events.ndjson");
    (dir, path)
}

fn rotation(max_bytes: u64, keep: u32) -> Option<Rotation> {
    let keep = keep.try_into().unwrap();
    Some(Rotation { max_bytes, keep })
}

fn named(number: u32) -> Delivery {
    event(number, |event| event.username = number.to_string())
}

/// The numbers of a file's events; every line must be whole.
fn numbers(path: &Path) -> Vec<u32> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    let decode = |line: &str| UserMetadataEvent::decode(Some(line.as_bytes())).unwrap();
    text.lines()
        .map(|line| decode(line).username.parse().unwrap())
        .collect()
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    format!("{}.{number}", path.display()).into()
}

#[tokio::test]
async fn a_full_file_gets_the_next_number_and_the_oldest_is_deleted() {
    let (_dir, path) = dir();
    let line = named(10).record.value.unwrap().len() as u64 + 1;
    let mut sink = FileSink::open(&path, rotation(2 * line, 3)).unwrap();
    for number in 10..20 {
        sink.write(&[named(number)]).await.unwrap();
    }
    assert_eq!(numbers(&path), [18, 19]);
    assert_eq!(numbers(&numbered(&path, 1)), [16, 17]);
    assert_eq!(numbers(&numbered(&path, 2)), [14, 15]);
    assert_eq!(numbers(&numbered(&path, 3)), [12, 13]);
    assert!(!numbered(&path, 4).exists());
}

#[tokio::test]
async fn a_batch_is_never_divided_even_if_it_is_larger_than_a_file() {
    let (_dir, path) = dir();
    let mut sink = FileSink::open(&path, rotation(10, 2)).unwrap();
    for batch in [10..15, 15..20] {
        let batch: Vec<_> = batch.map(named).collect();
        sink.write(&batch).await.unwrap();
    }
    assert_eq!(numbers(&numbered(&path, 1)), [10, 11, 12, 13, 14]);
    assert_eq!(numbers(&path), [15, 16, 17, 18, 19]);
}

#[tokio::test]
async fn a_crash_between_two_renames_costs_no_file() {
    for gap in [1, 2, 3] {
        let (_dir, path) = dir();
        let mut sink = FileSink::open(&path, rotation(10, 5)).unwrap();
        for number in 10..14 {
            sink.write(&[named(number)]).await.unwrap();
        }
        drop(sink);
        // As the crash leaves it: those from `gap` on have moved, those below have not.
        for number in (gap..=3).rev() {
            fs::rename(numbered(&path, number), numbered(&path, number + 1)).unwrap();
        }
        let mut sink = FileSink::open(&path, rotation(10, 5)).unwrap();
        sink.write(&[named(14)]).await.unwrap();
        let files = (1..=5).rev().map(|number| numbered(&path, number));
        let files = files.filter(|file| file.exists()).chain([path.clone()]);
        let found: Vec<_> = files.flat_map(|file| numbers(&file)).collect();
        assert_eq!(found, [10, 11, 12, 13, 14], "{gap}");
    }
}

#[tokio::test]
async fn a_line_that_a_crash_has_torn_is_cut_off() {
    for torn in ["{", "{\"id\":\"01KAQ0", "{\"id\":\"\u{e9}"] {
        for whole in [0, 2] {
            let (_dir, path) = dir();
            let batch: Vec<_> = (10..10 + whole).map(named).collect();
            let mut sink = FileSink::open(&path, None).unwrap();
            if whole > 0 {
                sink.write(&batch).await.unwrap();
            }
            drop(sink);
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(torn.as_bytes()).unwrap();
            let mut sink = FileSink::open(&path, None).unwrap();
            sink.write(&[named(99)]).await.unwrap();
            let last = numbers(&path).pop();
            assert_eq!((numbers(&path).len() as u32, last), (whole + 1, Some(99)));
        }
    }
}

#[test]
fn a_file_of_something_else_is_left_as_it_is() {
    for text in ["notes\nof mine", "notes", "\n", "[1,\n2]"] {
        let (_dir, path) = dir();
        fs::write(&path, text).unwrap();
        let error = FileSink::open(&path, None).unwrap_err();
        assert!(
            matches!(error, OpenError::File(FileError::Foreign { .. })),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let (dir, _) = dir();
    assert!(FileSink::open(dir.path(), None).is_err());
}

#[test]
fn two_sinks_do_not_write_one_file() {
    let (_dir, path) = dir();
    let first = FileSink::open(&path, None).unwrap();
    let error = FileSink::open(&path, None).unwrap_err();
    assert!(
        matches!(error, OpenError::File(FileError::InUse { .. })),
        "{error}"
    );
    drop(first);
    FileSink::open(&path, None).unwrap();
}

#[tokio::test]
async fn after_the_file_is_moved_away_a_new_one_is_begun() {
    let (dir, path) = dir();
    let mut sink = FileSink::open(&path, None).unwrap();
    sink.write(&[named(10)]).await.unwrap();
    let moved = dir.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    sink.write(&[named(11)]).await.unwrap();
    assert_eq!(numbers(&moved), [10]);
    assert_eq!(numbers(&path), [11]);
}

#[tokio::test]
async fn without_its_directory_the_sink_is_unavailable() {
    let (dir, path) = dir();
    let (folder, away) = (dir.path().join("folder"), dir.path().join("away"));
    let path = folder.join(path.file_name().unwrap());
    let mut sink = FileSink::open(&path, None).unwrap();
    sink.write(&[named(10)]).await.unwrap();
    fs::rename(&folder, &away).unwrap();
    let error = sink.write(&[named(11)]).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
    fs::rename(&away, &folder).unwrap();
    sink.write(&[named(11)]).await.unwrap();
    assert_eq!(numbers(&path), [10, 11]);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, _) = dir();
    let path = dir.path().join("made").join("events.ndjson");
    let mut sink = FileSink::open(&path, rotation(10, 2)).unwrap();
    for number in [10, 11] {
        sink.write(&[named(number)]).await.unwrap();
    }
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    for path in [numbered(&path, 1), path] {
        assert_eq!(mode(&path), 0o600);
    }
}

#[tokio::test]
async fn white_space_around_a_value_and_line_breaks_in_it_are_not_in_the_file() {
    let (_dir, path) = dir();
    let json: serde_json::Value = serde_json::from_slice(&fixture("full.json")).unwrap();
    let value = format!("  {}\n", serde_json::to_string_pretty(&json).unwrap());
    for _ in 0..2 {
        // The second opens what the first has written.
        let mut sink = FileSink::open(&path, None).unwrap();
        let batch = [delivery(value.as_bytes()), named(1)];
        assert_eq!(sink.write(&batch).await.unwrap(), []);
    }
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
        UserMetadataEvent::decode(Some(line.as_bytes())).unwrap();
    }
}
