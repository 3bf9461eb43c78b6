use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::{collection::vec, prelude::*};
use tokio::time::{sleep, timeout};
use tracing::Level;
use user_metadata_log::{DiskQueue, DiskQueueReader, LogSync};

use super::*;
use crate::encode::kept;
use crate::testing::{Fault, Lines, Memory, event};

pub(super) fn run<F: Future>(test: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().build().unwrap().block_on(test)
}

/// Waits for what the disk's thread does, which runs on the real clock.
pub(super) async fn until(what: &str, condition: impl Fn() -> bool) {
    let waited = timeout(Duration::from_secs(30), async {
        while !condition() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

pub(super) fn start(memory: &Memory, path: &Path, max_bytes: usize) -> (Publisher, PublisherTask) {
    let options = PublisherOptions {
        max_bytes,
        linger: Duration::from_millis(1),
        ..Default::default()
    };
    Publisher::on_disk(memory.clone(), options, DiskOutbox::new(path)).unwrap()
}

fn assert_adds_up(a: &Accounting) {
    assert_eq!(
        a.accepted + a.recovered,
        a.published + a.pending + a.dropped.total(),
        "{a:?}"
    );
}

fn records_in(path: &Path) -> u64 {
    let reader = DiskQueueReader::open(path).unwrap();
    reader.contents().unwrap().records
}

pub(super) fn away() -> Memory {
    let memory = Memory::new([]);
    memory.topic().connect_failures = u32::MAX;
    memory
}

/// The numbers in each partition, without repetitions: those of each user must increase.
fn check_order(memory: &Memory, users: &[String]) {
    for stored in memory.topic().stored.values() {
        let mut newest = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for number in stored.iter().filter(|number| seen.insert(**number)) {
            let user = &users[usize::try_from(*number).unwrap()];
            assert!(
                newest
                    .insert(user, number)
                    .is_none_or(|before| before < number),
                "{user}: {stored:?}"
            );
        }
    }
}

fn stored(memory: &Memory) -> BTreeSet<u64> {
    memory.topic().stored.values().flatten().copied().collect()
}

#[test]
fn what_one_process_leaves_on_disk_the_next_one_delivers_in_order() {
    let (lines, _guard) = Lines::collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let users: Vec<String> = (0..300).map(|n| format!("user-{}", n % 7)).collect();
    run(async {
        let memory = away();
        let (publisher, task) = start(&memory, &path, 1 << 20);
        let monitor = publisher.monitor();
        let task = tokio::spawn(task.run());
        for (n, user) in users.iter().enumerate() {
            publisher.publish(event(n as u64, user), None).unwrap();
        }
        until("all are on disk", || monitor.pending_on_disk() == 300).await;
        task.abort();
        drop(task.await);
        assert_eq!(monitor.accounting().pending, 300);
        assert_eq!(records_in(&path), 300);

        memory.topic().connect_failures = 0;
        let (publisher, task) = start(&memory, &path, 1 << 20);
        assert_eq!(publisher.accounting().recovered, 300);
        drop(publisher);
        let accounting = task.run().await;
        assert_adds_up(&accounting);
        assert_eq!((accounting.recovered, accounting.published), (300, 300));
        assert_eq!(memory.topic().acknowledged.len(), 300);
        check_order(&memory, &users);
    });
    assert_eq!(records_in(&path), 0, "what is acknowledged is removed");
    let warnings = lines.of(Level::WARN);
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("they stay in the outbox for the next start events=300")),
        "{warnings:?}"
    );
    assert_eq!(lines.of(Level::ERROR), [""; 0]);
}

#[test]
fn what_memory_does_not_hold_waits_on_disk_and_comes_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let users: Vec<String> = (0..3_000).map(|n| format!("user-{}", n % 11)).collect();
    run(async {
        let memory = away();
        memory.topic().connect_failures = 3;
        let (publisher, task) = start(&memory, &path, 100_000);
        let monitor = publisher.monitor();
        for (n, user) in users.iter().enumerate() {
            while publisher.publish(event(n as u64, user), None).is_err() {
                // The disk takes what memory can't hold, as fast as it can.
                sleep(Duration::from_millis(1)).await;
            }
        }
        until("all are on disk", || monitor.pending_on_disk() == 3_000).await;
        let refused = monitor.accounting().dropped.get(DropReason::QueueFull);
        drop(publisher);
        let accounting = task.run().await;
        assert_adds_up(&accounting);
        assert_eq!(accounting.published, 3_000);
        assert_eq!(accounting.dropped.total(), refused);
        assert_eq!(memory.topic().acknowledged.len(), 3_000);
        check_order(&memory, &users);
    });
    assert_eq!(records_in(&path), 0);
}

#[test]
fn more_than_a_batch_at_once_is_on_disk_soon() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    run(async {
        let (publisher, _task) = start(&away(), &path, 64 << 20);
        let monitor = publisher.monitor();
        for n in 0..5_000 {
            publisher.publish(event(n, "a"), None).unwrap();
        }
        until("all are on disk", || monitor.pending_on_disk() == 5_000).await;
    });
    assert_eq!(records_in(&path), 5_000);
}

#[test]
fn the_disk_is_bounded_and_the_newest_events_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    run(async {
        let memory = away();
        let disk = DiskOutbox {
            max_bytes: 100_000,
            ..DiskOutbox::new(&path)
        };
        let options = PublisherOptions::default();
        let (publisher, task) = Publisher::on_disk(memory.clone(), options, disk).unwrap();
        let is_taken = |n: &u64| publisher.publish(event(*n, "a"), None).is_ok();
        let wanted: BTreeSet<u64> = (0..1_000).filter(is_taken).collect();
        let taken = wanted.len();
        assert!((100..400).contains(&taken), "{taken}");
        let accounting = publisher.accounting();
        assert_adds_up(&accounting);
        assert_eq!(accounting.pending, taken as u64);
        memory.topic().connect_failures = 0;
        drop(publisher);
        assert_eq!(task.run().await.published, taken as u64);
        assert_eq!(stored(&memory), wanted);
    });
}

#[test]
fn a_disk_that_refuses_is_reported_and_tried_again_while_events_go_on_from_memory() {
    let (lines, _guard) = Lines::collect();
    let dir = tempfile::tempdir().unwrap();
    // A file in the place of the folder.
    let folder = dir.path().join("data");
    std::fs::write(&folder, "").unwrap();
    let path = folder.join("outbox.db");
    run(async {
        let memory = Memory::new([]);
        let (publisher, task) = start(&memory, &path, 1 << 20);
        let monitor = publisher.monitor();
        let task = tokio::spawn(task.run());
        publisher.publish(event(0, "a"), None).unwrap();
        until("it is published", || monitor.accounting().published == 1).await;
        let PublisherStatus::Degraded { reason, .. } = publisher.status() else {
            panic!("{:?}", publisher.status())
        };
        assert!(reason.ends_with("events wait in memory only"), "{reason}");
        std::fs::remove_file(&folder).unwrap();
        until("it is well", || {
            monitor.status() == PublisherStatus::Healthy
        })
        .await;
        memory
            .topic()
            .faults
            .extend(vec![Fault::Unavailable(200); 3]);
        publisher.publish(event(1, "a"), None).unwrap();
        until("it is on disk", || monitor.pending_on_disk() == 1).await;
        drop(publisher);
        assert_eq!(task.await.unwrap().published, 2);
    });
    let warnings = lines.of(Level::WARN);
    let of_disk = warnings
        .iter()
        .filter(|line| line.contains("the outbox is not on disk"));
    assert_eq!(of_disk.count(), 1, "{warnings:?}");
}

#[test]
fn a_stuck_event_keeps_no_others_in_memory_while_the_disk_refuses() {
    // No thread writes it.
    let spool = Spool::of(&DiskOutbox::new("outbox.db"));
    let outbox = Outbox::new(PublisherOptions::default(), spool);
    let publish = |n| {
        outbox
            .push(event(n, "a").to_encoded(None).unwrap())
            .unwrap();
        outbox.take()[0].receipt
    };
    let stuck = publish(0);
    for n in 1..10_000 {
        outbox.published(&[publish(n)]);
        assert!(outbox.lock().size().1 < 1 << 20, "{n}");
    }
    assert_eq!(outbox.accounting().pending, 1);
    outbox.published(&[stuck]);
    assert_eq!(outbox.lock().size(), (0, 0));
}

#[test]
fn a_write_that_hangs_is_reported_until_it_ends() {
    let (lines, _guard) = Lines::collect();
    let spool = Spool::of(&DiskOutbox::new("outbox.db"));
    let outbox = Arc::new(Outbox::new(PublisherOptions::default(), spool));
    let health = Arc::new(Health::default());
    let mut watch = Watch::new(Arc::clone(&outbox), Arc::clone(&health), None);
    outbox
        .push(event(0, "a").to_encoded(None).unwrap())
        .unwrap();
    let begin = |seconds| {
        let mut state = outbox.lock();
        let spool = &mut state.spool;
        let job = spool.take(|_| true);
        spool.writing_since = Instant::now().checked_sub(Duration::from_secs(seconds));
        job
    };
    run(async {
        let watching = tokio::spawn(async move { watch.run().await });
        let job = begin(0);
        outbox.lock().spool.put_back(job);
        assert_eq!(health.status(), PublisherStatus::Connecting);
        let job = begin(60);
        let is_said = || matches!(health.status(), PublisherStatus::Degraded { .. });
        until("it is said", is_said).await;
        outbox.lock().spool.written(&job, 1, 1, 1);
        health.disk_works();
        assert_eq!(health.status(), PublisherStatus::Connecting);
        watching.abort();
    });
    let warnings = lines.of(Level::WARN);
    assert!(warnings[0].contains("does not answer"), "{warnings:?}");
}

#[test]
fn a_disk_that_opens_late_with_what_an_earlier_run_left_sends_each_event_once() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, aside) = (dir.path().join("data"), dir.path().join("aside"));
    let path = folder.join("outbox.db");
    run(async {
        let (earlier, task) = start(&away(), &path, 1 << 20);
        for n in 0..20 {
            earlier.publish(event(n, "a"), None).unwrap();
        }
        drop((earlier, task));
        // A file in the place of the folder.
        std::fs::rename(&folder, &aside).unwrap();
        std::fs::write(&folder, "").unwrap();

        let memory = away();
        // No room to read until everything is written.
        let (publisher, task) = start(&memory, &path, 60_000);
        for n in 20..50 {
            publisher.publish(event(n, "a"), None).unwrap();
        }
        std::fs::remove_file(&folder).unwrap();
        std::fs::rename(&aside, &folder).unwrap();
        until("it is open", || publisher.accounting().recovered == 20).await;
        for n in 50..60 {
            publisher.publish(event(n, "a"), None).unwrap();
        }
        until("all are on disk", || {
            publisher.monitor().pending_on_disk() == 60
        })
        .await;
        memory.topic().connect_failures = 0;
        drop(publisher);
        let accounting = timeout(Duration::from_secs(30), task.run()).await.unwrap();
        assert_adds_up(&accounting);
        assert_eq!((accounting.published, accounting.pending), (60, 0));
        let mut sent = memory.topic().acknowledged.clone();
        sent.sort_unstable();
        assert_eq!(sent, Vec::from_iter(0..60));
    });
    assert_eq!(records_in(&path), 0);
}

/// Leaves events in an outbox, each in a batch of its own, as an earlier process would.
fn leave(path: &Path, events: u64) {
    let (mut queue, _) = DiskQueue::open(path, LogSync::Normal).unwrap();
    for n in 0..events {
        let record = event(n, &"a".repeat(128)).to_encoded(None).unwrap();
        queue.write(&kept([&record], "/test"), &[]).unwrap();
    }
}

/// Overwrites the byte at `offset` of one of the first pages of the table.
fn break_page(path: &Path, offset: usize) {
    const PAGE: usize = 4_096;
    let bytes = std::fs::read(path).unwrap();
    let is_leaf = |page: &usize| bytes[page * PAGE] == 0x0d;
    let leaves: Vec<usize> = (1..bytes.len() / PAGE).filter(is_leaf).collect();
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let page = leaves[leaves.len() / 5];
    file.seek(SeekFrom::Start((page * PAGE + offset) as u64))
        .unwrap();
    file.write_all(&[0xff]).unwrap();
}

/// Breaks one byte of an outbox in use; returns the events that are lost.
fn break_in_use(path: &Path, offset: usize) -> u64 {
    let (lines, _guard) = Lines::collect();
    // More than SQLite caches.
    leave(path, 30_000);
    let lost = run(async {
        let memory = away();
        let (publisher, task) = start(&memory, path, 100_000);
        let monitor = publisher.monitor();
        let outbox = Arc::clone(&publisher.monitor().outbox);
        assert_eq!(publisher.accounting().recovered, 30_000);
        break_page(path, offset);
        memory.topic().connect_failures = 0;
        let task = tokio::spawn(task.run());
        let left = || monitor.accounting().pending;
        until("all that can be read is sent", || left() == 0).await;
        assert_eq!(monitor.status(), PublisherStatus::Healthy);
        publisher.publish(event(30_000, "a"), None).unwrap();
        drop(publisher);
        let accounting = task.await.unwrap();
        assert_adds_up(&accounting);
        assert_eq!(accounting.pending, 0);
        assert_eq!(memory.topic().acknowledged.last(), Some(&30_000));
        assert_eq!(stored(&memory).len() as u64, accounting.published);
        assert_eq!(outbox.lock().size(), (0, 0));
        accounting.dropped.get(DropReason::Unreadable)
    });
    let errors = lines.of(Level::ERROR);
    assert!(errors.iter().any(|line| line.contains("events are lost")));
    lost
}

#[test]
fn a_damaged_page_stops_neither_the_events_after_it_nor_new_ones() {
    let dir = tempfile::tempdir().unwrap();
    let lost = break_in_use(&dir.path().join("outbox.db"), 0);
    assert!((1..20).contains(&lost), "{lost}");
}

#[test]
fn a_damaged_batch_is_counted_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    // The last byte of a page is that of a batch.
    assert_eq!(break_in_use(&path, 4_095), 1);
    assert_eq!(records_in(&path), 0);
}

#[test]
fn a_second_publisher_on_the_same_outbox_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.db");
    let first = start(&away(), &path, 1 << 20);
    let second = Publisher::on_disk(away(), PublisherOptions::default(), DiskOutbox::new(&path));
    assert!(matches!(second, Err(OpenError::InUse { .. })));
    drop(first);
    drop(start(&away(), &path, 1 << 20));
}

#[derive(Debug, Clone)]
enum Step {
    Publish(u8, u8),
    Wait(u64),
    /// The process shuts down, and the next one starts.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0_u8..7, 1_u8..30).prop_map(|(user, count)| Step::Publish(user, count)),
        2 => (0_u64..8).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::None),
        1 => (0_u64..5).prop_map(Fault::Slow),
        1 => (0_u64..5).prop_map(Fault::Unavailable),
        1 => (0_u64..5).prop_map(Fault::AnswerLost),
        1 => (0_usize..5).prop_map(Fault::Partial),
    ]
}

async fn play(steps: &[Step], faults: &[Fault], max_bytes: usize, path: &Path) {
    let memory = Memory::new(faults.iter().copied());
    let mut users = Vec::new();
    let mut wanted = BTreeSet::new();
    let (mut publisher, task) = start(&memory, path, max_bytes);
    let mut task = tokio::spawn(task.run());
    for step in steps {
        match step {
            Step::Publish(user, count) => {
                for _ in 0..*count {
                    let number = users.len() as u64;
                    users.push(format!("user-{user}"));
                    let event = event(number, &format!("user-{user}"));
                    if publisher.publish(event, None).is_ok() {
                        wanted.insert(number);
                    }
                }
                assert_adds_up(&publisher.accounting());
            }
            Step::Wait(ms) => sleep(Duration::from_millis(*ms)).await,
            Step::Restart => {
                let before = publisher.monitor();
                task.abort();
                drop(task.await);
                drop(publisher);
                memory.hang_up();
                let left = before.accounting();
                assert_adds_up(&left);
                assert_eq!(
                    left.pending,
                    before.pending_on_disk(),
                    "all of it is on disk"
                );
                let started = start(&memory, path, max_bytes);
                publisher = started.0;
                // A batch is removed as a whole.
                assert!(publisher.accounting().recovered >= left.pending);
                task = tokio::spawn(started.1.run());
            }
        }
    }
    drop(publisher);
    let accounting = timeout(Duration::from_secs(60), task)
        .await
        .unwrap()
        .unwrap();
    assert_adds_up(&accounting);
    assert_eq!(accounting.pending, 0);
    assert_eq!(stored(&memory), wanted);
    check_order(&memory, &users);
    assert_eq!(records_in(path), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_accepted_event_arrives_in_order_whatever_fails_and_however_often_it_restarts(
        steps in vec(step(), 1..40),
        faults in vec(fault(), 0..20),
        max_bytes in prop_oneof![Just(20_000_usize), Just(1 << 20)],
    ) {
        let dir = tempfile::tempdir().unwrap();
        run(play(&steps, &faults, max_bytes, &dir.path().join("outbox.db")));
    }
}
