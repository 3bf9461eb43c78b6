//! `file:` in the real program: killed while it writes, and on a full disk.
#![cfg(all(feature = "file", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tempfile::TempDir;
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, UnixMillis, User, UserMetadataEvent,
    partition_for_key,
};
use user_metadata_log::{Batch, DataDir, LogOptions, LogRecord, LogWriter};

/// The limit of every wait.
const LONG: Duration = Duration::from_secs(120);

/// A data directory with events, and a file to write them to.
struct Place {
    dir: TempDir,
    events: BTreeMap<EventId, u64>,
}

impl Place {
    fn with_events(count: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path().join("data"));
        let mut options = LogOptions::default();
        options.retention = None;
        let mut writer = LogWriter::open(data.topic_path(), options).unwrap();
        let partitions = writer.partitions();
        let mut events = BTreeMap::new();
        let mut records = BTreeMap::<u32, Vec<LogRecord>>::new();
        for number in 0..count {
            let event = event(number);
            events.insert(event.id, number);
            let record = event.to_record("/test", None).unwrap();
            let partition = partition_for_key(record.key.as_deref().unwrap(), partitions);
            records.entry(partition).or_default().push(LogRecord {
                key: record.key,
                value: record.value,
                headers: record.headers,
                timestamp_ms: record.timestamp.as_i64(),
            });
        }
        for (partition, records) in &records {
            for records in records.chunks(500) {
                let partition = *partition;
                writer.append(&[Batch { partition, records }]).unwrap();
            }
        }
        Self { dir, events }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("events.ndjson")
    }

    /// The program, after the shell commands in `prefix`.
    fn start(&self, prefix: &str, batch: u64, options: &str) -> Child {
        let program = env!("CARGO_BIN_EXE_metadata-consumer");
        let path = self.path();
        Command::new("bash")
            .arg("-c")
            .arg(format!("{prefix} exec \"$@\""))
            .args(["bash", program, "--listen", "127.0.0.1:0"])
            .args([
                "--batch-max-events",
                &batch.to_string(),
                "--batch-max-wait",
                "5ms",
            ])
            .arg("--data-dir")
            .arg(self.dir.path().join("data"))
            .args(["--sink", &format!("file:{}{options}", path.display())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The files, the oldest first.
    fn files(&self) -> Vec<PathBuf> {
        let path = self.path();
        let numbered = (1..=1000)
            .rev()
            .map(|n| PathBuf::from(format!("{}.{n}", path.display())));
        numbered
            .chain([path.clone()])
            .filter(|file| file.exists())
            .collect()
    }

    /// How often each event is in the files. Every complete line must be a whole event; the last line
    /// may be torn until the file is opened again after a kill.
    fn counts(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for file in self.files() {
            // It may have just been renamed to another number.
            let Ok(text) = fs::read(&file) else {
                continue;
            };
            let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
            lines.pop();
            for line in lines {
                let event = UserMetadataEvent::decode(Some(line)).unwrap();
                *counts.entry(self.events[&event.id]).or_default() += 1;
            }
        }
        counts
    }

    fn bytes(&self) -> u64 {
        let sizes = self.files().into_iter();
        sizes
            .map(|file| file.metadata().map_or(0, |metadata| metadata.len()))
            .sum()
    }
}

fn event(number: u64) -> UserMetadataEvent {
    let at = UnixMillis::new(1_763_856_000_000 + number).unwrap();
    let user = User::new(format!("user-{}", number % 97), number.to_string(), None).unwrap();
    let connection = ConnectionInfo::new(ClientId::from_parts(at, 1));
    UserMetadataEvent::new(
        EventId::from_parts(at, number.into()),
        user,
        Metadata::default(),
        connection,
    )
}

fn until(mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < LONG, "it takes too long");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn stop(mut program: Child) {
    let pid = Pid::from_child(&program);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    program.wait().unwrap();
}

fn is_whole(path: &Path) -> bool {
    fs::read(path).unwrap().ends_with(b"\n")
}

#[test]
fn killed_again_and_again_it_loses_nothing_and_tears_no_line() {
    const EVENTS: u64 = 30_000;
    let place = Place::with_events(EVENTS);
    let options = "?rotate=64KiB&keep=1000";
    for _ in 0..8 {
        let before = place.bytes();
        let mut program = place.start("", 50, options);
        until(|| place.bytes() > before + 200_000 || place.counts().len() as u64 == EVENTS);
        program.kill().unwrap();
        program.wait().unwrap();
    }
    let killed = place.counts().len();
    assert!(killed > 1_000, "{killed} were there before the last kill");
    let program = place.start("", 50, options);
    until(|| place.counts().len() as u64 == EVENTS);
    stop(program);
    assert!(place.files().len() > 10);
    for file in place.files() {
        assert!(is_whole(&file), "{}", file.display());
    }
    // Duplicates were stored and not committed: a batch per partition and kill.
    let doubles: usize = place.counts().values().map(|count| count - 1).sum();
    assert!(doubles <= 8 * 3 * 50, "{doubles} doubles");
}

#[test]
fn a_full_disk_holds_it_up_and_tears_no_line() {
    const EVENTS: u64 = 6_000;
    let place = Place::with_events(EVENTS);
    // The limit of a file's size instead of the disk's: writes are cut short.
    let program = place.start("trap '' XFSZ; ulimit -S -f 1000;", 500, "");
    let pid = Pid::from_child(&program);
    // No batch fits into the rest; what a failed write leaves is cut off before the next attempt.
    until(|| place.bytes() > 900_000);
    let stored = place.counts().len() as u64;
    assert!(stored < EVENTS, "the disk was not full");
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    prlimit(Some(pid), Resource::Fsize, unlimited).unwrap();
    until(|| place.counts().len() as u64 == EVENTS);
    stop(program);
    assert!(is_whole(&place.path()));
    assert!(place.counts().values().all(|count| *count == 1));
}
