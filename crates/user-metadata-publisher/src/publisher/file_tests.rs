//! What happens to the file of an outbox.

use std::fs;

use tracing::Level;

use super::disk_tests::{away, run, start, until};
use crate::testing::{Lines, event};

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
