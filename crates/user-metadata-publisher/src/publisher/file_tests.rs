//! What happens to the file of an outbox.

use std::fs;
use std::path::Path;

use tokio::task::JoinHandle;
use tracing::Level;

use super::disk_tests::{away, run, start, until};
use super::*;
use crate::testing::{Lines, Memory, event};

#[test]
fn a_torn_end_of_the_log_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let (live, torn) = (dir.path().join("live.db"), dir.path().join("outbox.db"));
    run(async {
        let (publisher, task) = start(&away(), &live, 1 << 20);
        let monitor = publisher.monitor();
        let task = tokio::spawn(task.run());
        for n in 0..20 {
            publisher.publish(event(n, "a"), None).unwrap();
            until("it is on disk", || monitor.pending_on_disk() == n + 1).await;
        }
        fs::copy(&live, &torn).unwrap();
        let log = fs::read(dir.path().join("live.db-wal")).unwrap();
        let end = log.len() - 100;
        fs::write(dir.path().join("outbox.db-wal"), &log[..end]).unwrap();
        task.abort();
    });
    let (lines, _guard) = Lines::collect();
    let (publisher, _task) = start(&away(), &torn, 1 << 20);
    assert!((15..20).contains(&publisher.accounting().recovered));
    let warnings = lines.of(Level::WARN);
    assert!(warnings[0].contains("log is torn"), "{warnings:?}");
    assert_eq!(lines.of(Level::ERROR), [""; 0]);
}

/// Puts events into an outbox, most of them on the disk only.
async fn fill(path: &Path) -> (Publisher, JoinHandle<Accounting>) {
    let (publisher, task) = start(&away(), path, 20_000);
    let monitor = publisher.monitor();
    let task = tokio::spawn(task.run());
    for n in 0..300 {
        publisher.publish(event(n, "a"), None).unwrap();
        until("it is on disk", || monitor.pending_on_disk() == n + 1).await;
    }
    (publisher, task)
}

/// Ends the process, so to speak; the next one finds so many events, and delivers them in order.
async fn check_next(path: &Path, task: JoinHandle<Accounting>, events: u64) {
    task.abort();
    drop(task.await);
    let memory = Memory::new([]);
    let (publisher, task) = start(&memory, path, 1 << 20);
    assert_eq!(publisher.accounting().recovered, events);
    drop(publisher);
    assert_eq!(task.run().await.published, events);
    let stored: Vec<u64> = memory.topic().stored.values().flatten().copied().collect();
    assert_eq!(stored, (0..events).collect::<Vec<_>>());
}

#[test]
fn an_outbox_whose_file_is_deleted_is_made_again_with_all_that_was_in_it() {
    let delete_file = |path: &Path| fs::remove_file(path).unwrap();
    let delete_folder = |path: &Path| fs::remove_dir_all(path.parent().unwrap()).unwrap();
    for delete in [delete_file, delete_folder] {
        let (lines, _guard) = Lines::collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data").join("outbox.db");
        run(async {
            let (publisher, task) = fill(&path).await;
            let monitor = publisher.monitor();
            delete(&path);
            until("it is there again", || {
                path.exists() && monitor.pending_on_disk() == 300
            })
            .await;
            for n in 300..310 {
                publisher.publish(event(n, "a"), None).unwrap();
                until("it is on disk", || monitor.pending_on_disk() == n + 1).await;
            }
            // At the end it is looked once more.
            delete(&path);
            check_next(&path, task, 310).await;
        });
        assert_eq!(lines.of(Level::ERROR), [""; 0]);
    }
}

#[test]
fn another_file_in_the_place_of_the_outbox_is_left_alone_and_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data").join("outbox.db");
    run(async {
        let (publisher, task) = fill(&path).await;
        let monitor = publisher.monitor();
        fs::rename(&path, path.with_extension("old")).unwrap();
        fs::write(&path, "a list of things to do").unwrap();
        until("it is said", || monitor.pending_on_disk() == 0).await;
        let PublisherStatus::Degraded { detail, .. } = monitor.status() else {
            panic!("{:?}", monitor.status());
        };
        assert!(
            detail.contains("the file of the outbox is gone"),
            "{detail}"
        );
        assert!(detail.contains("move it away"), "{detail}");
        assert_eq!(fs::read(&path).unwrap(), b"a list of things to do");
        publisher.publish(event(300, "a"), None).unwrap();
        fs::remove_file(&path).unwrap();
        until("all are on disk", || monitor.pending_on_disk() == 301).await;
        check_next(&path, task, 301).await;
    });
}
