//! A queue whose files are harmed, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use user_metadata_log::{Damage, DiskQueue, EncodedBatch, LogSync, OpenError};

pub(crate) const PAGE: usize = 4_096;
/// Of a write-ahead log.
pub(crate) const FRAME: usize = 24 + PAGE;

#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Cut(usize),
    Zeros(Range<usize>),
    Flip(usize, u8),
}

impl Fault {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => bytes.truncate(*length),
            Self::Zeros(part) => bytes[part.clone()].fill(0),
            Self::Flip(at, bit) => bytes[*at] ^= 1 << bit,
        }
    }

    /// What is gone of a file.
    pub(crate) fn harmed<'a>(&self, file: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Cut(length) => &file[length / PAGE * PAGE..],
            Self::Zeros(part) => &file[part.clone()],
            Self::Flip(..) => panic!("a bit stands in something larger"),
        }
    }

    pub(crate) fn zeroed_pages(pages: Range<usize>) -> Self {
        Self::Zeros(pages.start * PAGE..pages.end * PAGE)
    }
}

/// How many records batch `n` has.
fn count(n: u64) -> u64 {
    1 + n % 3
}

/// Stands in every page that holds a part of batch `n`.
fn marker(n: u64) -> String {
    format!("<{n:06}>")
}

pub(crate) fn batch(n: u64) -> EncodedBatch {
    let mut batch = EncodedBatch::default();
    for record in 0..count(n) {
        let times = if n % 40 == 7 { 900 } else { 20 + n % 60 };
        let value = marker(n).repeat(usize::try_from(times).unwrap());
        let key = format!("{n}-{record}");
        let headers = [("ce_id", &key)];
        batch.push(
            Some(key.as_bytes()),
            Some(value.as_bytes()),
            headers,
            n.cast_signed(),
        );
    }
    batch
}

/// The files of a queue, and what is in them.
pub(crate) struct Outbox {
    pub(crate) database: Vec<u8>,
    pub(crate) log: Vec<u8>,
    live: BTreeSet<u64>,
    removed: BTreeSet<u64>,
}

impl Outbox {
    /// Hundreds of batches come, and many go: those at the start, a run of others, and here and
    /// there one, so that there are free pages with batches in them, and pages with holes.
    /// `is_closed`: all lies in the database, not partly in the log.
    pub(crate) fn new(batches: u64, is_closed: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox.db");
        let (mut queue, _) = DiskQueue::open(&path, LogSync::Normal).unwrap();
        let mut ids = BTreeMap::new();
        let mut removed = BTreeSet::new();
        let mut remove = |queue: &mut DiskQueue, ids: &BTreeMap<u64, u64>, which: &[u64]| {
            let rows: Vec<u64> = which.iter().map(|n| ids[n]).collect();
            queue.write(&EncodedBatch::default(), &rows).unwrap();
            removed.extend(which);
        };
        for n in 1..=batches {
            ids.insert(n, queue.write(&batch(n), &[]).unwrap());
            if n == batches / 2 {
                // From here on the log starts over, and old frames stand behind the new ones.
                let file = rusqlite::Connection::open(&path).unwrap();
                let moves = "PRAGMA wal_checkpoint(RESTART)";
                file.query_row(moves, (), |_| Ok(())).unwrap();
            } else if n == batches * 3 / 4 {
                remove(&mut queue, &ids, &(1..n / 3).collect::<Vec<_>>());
            }
        }
        let run: Vec<u64> = (batches / 2..batches / 2 + 50).collect();
        remove(&mut queue, &ids, &run);
        for n in (batches / 3 + 1..batches / 2).step_by(9) {
            remove(&mut queue, &ids, &[n]);
        }
        let live: BTreeSet<u64> = (1..=batches).filter(|n| !removed.contains(n)).collect();
        if is_closed {
            drop(queue);
        }
        let log = fs::read(log_of(&path)).unwrap_or_default();
        Self {
            database: fs::read(&path).unwrap(),
            log,
            live,
            removed,
        }
    }

    /// The batches of which a part stands here.
    fn parts_in(bytes: &[u8]) -> BTreeSet<u64> {
        let number = |at: usize| {
            str::from_utf8(bytes.get(at + 1..at + 7)?)
                .ok()?
                .parse()
                .ok()
        };
        let is_marker = |at: &usize| bytes[*at] == b'<' && bytes.get(at + 7) == Some(&b'>');
        let starts = (0..bytes.len()).filter(is_marker);
        starts.filter_map(number).collect()
    }

    pub(crate) fn pages_of_kind(&self, kind: u8) -> Vec<usize> {
        let is_of_kind = |page: &usize| self.database[page * PAGE] == kind;
        (1..self.database.len() / PAGE).filter(is_of_kind).collect()
    }

    /// Harms the file, opens it, and checks all that always holds.
    pub(crate) fn open(&self, in_log: bool, fault: &Fault) -> Option<Opened> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("outbox.db");
        let (mut database, mut log) = (self.database.clone(), self.log.clone());
        fault.apply(if in_log { &mut log } else { &mut database });
        fs::write(&path, &database).unwrap();
        if !self.log.is_empty() {
            fs::write(log_of(&path), &log).unwrap();
        }
        let opened = DiskQueue::open(&path, LogSync::Normal);
        if let Err(OpenError::NewerFormat { .. }) = opened {
            assert!(matches!(fault, Fault::Flip(60..64, _)), "{fault:?}");
            assert_eq!(fs::read(&path).unwrap(), database);
            return None;
        }
        let (queue, found) = opened.unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        let read = numbers(&queue);
        assert!(read.is_sorted(), "{fault:?}: {read:?}");
        let read: BTreeSet<u64> = read.into_iter().collect();
        let events = |batches: &BTreeSet<u64>| batches.iter().map(|n| count(*n)).sum::<u64>();
        assert_eq!(found.contents.records, events(&read), "{fault:?}");
        let lost: BTreeSet<u64> = self.live.difference(&read).copied().collect();
        let returned: BTreeSet<u64> = read.difference(&self.live).copied().collect();
        assert!(returned.is_subset(&self.removed), "{fault:?}: {returned:?}");
        match &found.damage {
            // A log whose end is gone does not show that it held more.
            None => assert!(in_log || returned.is_empty(), "{fault:?}: {returned:?}"),
            Some(damage) => {
                assert_eq!(fs::read(&damage.kept_as).unwrap(), database, "{fault:?}");
                let kept = fs::read(log_of(&damage.kept_as)).unwrap_or_default();
                assert!(kept == log, "{fault:?}");
                assert_eq!(damage.read, events(&read), "{fault:?}");
            }
        }
        drop(queue);
        let (queue, again) = DiskQueue::open(&path, LogSync::Normal).unwrap();
        assert_eq!(again.damage, None, "{fault:?}");
        assert_eq!(again.contents, found.contents, "{fault:?}");
        drop(queue);
        let rest = fs::read_dir(dir.path()).unwrap().flatten();
        let rest = rest.map(|file| file.file_name().into_string().unwrap());
        let is_known = |name: &String| {
            name == "outbox.db" || name == "outbox.db.lock" || name.contains(".damaged-")
        };
        assert_eq!(rest.filter(|name| !is_known(name)).count(), 0, "{fault:?}");
        Some(Opened {
            lost_events: events(&lost),
            between: read
                .first()
                .copied()
                .zip(read.last().copied())
                .unwrap_or_default(),
            lost,
            returned,
            damage: found.damage,
        })
    }
}

/// What came of a fault.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Batches that do not come out.
    pub(crate) lost: BTreeSet<u64>,
    lost_events: u64,
    /// The first and the last batch that come out.
    between: (u64, u64),
    /// Batches that come out though they had been removed.
    pub(crate) returned: BTreeSet<u64>,
    pub(crate) damage: Option<Damage>,
}

impl Opened {
    /// No batch is lost of which nothing stood in `harmed`, and what is said is true.
    pub(crate) fn check(&self, fault: &Fault, harmed: &[u8]) {
        let harmed = Outbox::parts_in(harmed);
        let readable: Vec<_> = self.lost.difference(&harmed).collect();
        assert!(
            readable.is_empty(),
            "{fault:?}: {readable:?} are lost: {self:?}"
        );
        let Some(damage) = &self.damage else {
            assert!(self.lost.is_empty(), "{fault:?}: {self:?}");
            return;
        };
        match damage.missing_batches {
            None => assert_eq!(damage.lost, self.lost_events, "{fault:?}: {self:?}"),
            Some(missing) => {
                assert!(damage.lost <= self.lost_events, "{fault:?}: {self:?}");
                // Of those before and after all others nobody knows.
                let told = self.lost.range(self.between.0..self.between.1);
                let told = told.count() as u64;
                assert!(told <= missing + damage.lost, "{fault:?}: {self:?}");
            }
        }
    }
}

pub(crate) fn log_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// The batches in order, each of which is as it was written.
pub(crate) fn numbers(queue: &DiskQueue) -> Vec<u64> {
    let (mut last, mut numbers) = (0, Vec::new());
    while let Some(found) = queue.next(last).unwrap() {
        let first = found.records.iter().next().unwrap();
        let n = first.timestamp_ms.cast_unsigned();
        assert_eq!(found.records, batch(n));
        numbers.push(n);
        last = found.id;
    }
    numbers
}
