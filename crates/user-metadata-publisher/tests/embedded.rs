//! Publishing to the embedded log.
#![cfg(feature = "embedded")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, UnixMillis, User, UserMetadataEvent,
    partition_for_key,
};
use user_metadata_log::{DataDir, GroupPositions, LogOptions, LogReader, OpenError, StoredRecord};
use user_metadata_publisher::{
    DropReason, LogTarget, PublishError, Publisher, PublisherOptions, PublisherStatus,
    PublisherTask, embedded,
};

fn event(n: u32, user: &str) -> UserMetadataEvent {
    let at = UnixMillis::from(std::time::SystemTime::now());
    let user = User::new(user, "John", None).unwrap();
    let connection = ConnectionInfo::new(ClientId::from_parts(at, 1));
    UserMetadataEvent::new(
        EventId::from_parts(at, n.into()),
        user,
        Metadata::default(),
        connection,
    )
}

fn open(dir: &Path) -> (Publisher, PublisherTask) {
    let target = LogTarget::new(dir);
    let mut options = PublisherOptions::default();
    options.source = "/ws-server/here".to_owned();
    embedded(target, options).unwrap()
}

fn read_all(dir: &Path) -> Vec<(u32, StoredRecord)> {
    let mut reader = LogReader::open(DataDir::new(dir).topic_path()).unwrap();
    let mut all = Vec::new();
    for partition in 0..reader.partitions().get() {
        let earliest = reader.earliest(partition).unwrap();
        let records = reader
            .read(partition, earliest, usize::MAX, usize::MAX)
            .unwrap();
        all.extend(records.into_iter().map(|stored| (partition, stored)));
    }
    all
}

/// Between fork and exec, a child holds the file locks of this process.
static FORKS: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Waits until `condition` holds; the deadline is that of the test runner.
async fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it never came to that"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_published_event_is_a_record_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (publisher, task) = open(dir.path());
    let john = event(1, "user-123");
    publisher
        .publish(
            john.clone(),
            Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        )
        .unwrap();
    drop(publisher);
    let accounting = task.run().await;
    assert_eq!((accounting.published, accounting.pending), (1, 0));

    let [(partition, stored)] = &read_all(dir.path())[..] else {
        panic!()
    };
    assert_eq!(
        *partition,
        partition_for_key(b"user-123", 3.try_into().unwrap())
    );
    let record = &stored.record;
    assert_eq!(record.key.as_deref(), Some(&b"user-123"[..]));
    assert_eq!(
        UserMetadataEvent::decode(record.value.as_deref()).unwrap(),
        john
    );
    assert_eq!(record.timestamp_ms, john.timestamp.as_i64());
    let header = |name: &str| {
        let (_, value) = record
            .headers
            .iter()
            .find(|(header, _)| header == name)
            .unwrap();
        String::from_utf8(value.to_vec()).unwrap()
    };
    assert_eq!(header("ce_source"), "/ws-server/here");
    assert_eq!(header("ce_id"), john.id.to_string());
    assert!(header("traceparent").starts_with("00-4bf92f35"));
}

#[tokio::test]
async fn every_user_s_events_are_in_order_and_the_log_is_free_once_the_task_has_ended() {
    let _no_child = FORKS.lock().await;
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let (publisher, task) = open(dir.path());
        let task = tokio::spawn(task.run());
        for n in 0..1_000 {
            publisher
                .publish(event(round * 1_000 + n, &format!("user-{}", n % 7)), None)
                .unwrap();
            if n % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(publisher);
        assert_eq!(task.await.unwrap().published, 1_000);
    }
    let all = read_all(dir.path());
    assert_eq!(all.len(), 3_000);
    let mut newest = std::collections::BTreeMap::new();
    for (_, stored) in all {
        let event = UserMetadataEvent::decode(stored.record.value.as_deref()).unwrap();
        let number = event.id.to_u128() & u128::from(u64::MAX);
        assert!(
            newest
                .insert(event.user_id, number)
                .is_none_or(|before| before < number)
        );
    }
    assert_eq!(newest.len(), 7);
}

#[test]
fn a_second_publisher_to_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = open(dir.path());
    let target = LogTarget::new(dir.path());
    let refused = embedded(target, PublisherOptions::default()).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }));
}

#[tokio::test]
async fn retention_runs_beside_the_appends() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::new(dir.path());
    let mut options = LogOptions::default();
    options.max_bytes = Some(1 << 20);
    GroupPositions::open(&data, "slow")
        .unwrap()
        .commit(&[(0, 10)])
        .unwrap();
    let mut target = LogTarget::new(dir.path());
    target.options = options;
    let (publisher, task) = embedded(target, PublisherOptions::default()).unwrap();
    let task = tokio::spawn(task.run());
    for n in 0..30_000 {
        while publisher
            .publish(event(n, &format!("user-{n}")), None)
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    drop(publisher);
    assert_eq!(task.await.unwrap().published, 30_000);
    let reader = LogReader::open(data.topic_path()).unwrap();
    assert!((0..3).all(|partition| reader.earliest(partition).unwrap() > 100));
    assert!((0..3).any(|partition| reader.end(partition).unwrap() > 9_000));
}

/// On a full file system of its own: joins go on, then events are dropped and counted, and all
/// accepted ones arrive once there is room.
#[cfg(target_os = "linux")]
mod full_disk {
    use std::process::{Command, Stdio};

    use super::*;

    const DISK: &str = "USER_METADATA_TEST_DISK";

    #[test]
    fn events_wait_while_the_disk_is_full_and_arrive_when_there_is_room() {
        let disk = tempfile::tempdir().unwrap();
        let script = r#"mount -t tmpfs -o size=2m none "$0" || exit 77
            exec "$1" full_disk::on_a_small_disk --exact --ignored --nocapture"#;
        let forks = FORKS.blocking_lock();
        let child = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .arg(disk.path())
            .arg(std::env::current_exe().unwrap())
            .env(DISK, disk.path())
            .stdout(Stdio::piped())
            .spawn();
        drop(forks);
        let child = child.and_then(|child| child.wait_with_output());
        let may_skip = std::env::var_os("CI").is_none();
        match child {
            Ok(output) if output.status.success() => {
                assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
            }
            Ok(output) if output.status.code() == Some(77) && may_skip => {
                eprintln!("skipped: this user may not mount a file system of its own");
            }
            Err(error) if may_skip => eprintln!("skipped: no `unshare`: {error}"),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    #[ignore = "the test above runs it on a file system of its own"]
    async fn on_a_small_disk() {
        let disk = std::path::PathBuf::from(std::env::var_os(DISK).unwrap());
        let data = disk.join("data");
        let ballast = disk.join("ballast");
        let mut options = PublisherOptions::default();
        options.max_events = 100;
        let target = LogTarget::new(&data);
        let (publisher, task) = embedded(target, options).unwrap();
        let task = tokio::spawn(task.run());
        publisher.publish(event(0, "user-0"), None).unwrap();
        wait_until(|| publisher.accounting().published == 1).await;

        // Ends with `No space left on device`.
        std::fs::write(&ballast, vec![0; 4 << 20]).unwrap_err();
        let mut accepted = 1;
        let mut refused = 0;
        for n in 1..1_000 {
            match publisher.publish(event(n, &format!("user-{n}")), None) {
                Ok(()) => accepted += 1,
                Err(PublishError::QueueFull { .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            tokio::task::yield_now().await;
        }
        assert!(refused > 0);
        wait_until(|| matches!(publisher.status(), PublisherStatus::Degraded { .. })).await;
        let PublisherStatus::Degraded { reason, .. } = publisher.status() else {
            panic!()
        };
        assert!(reason.contains("the disk of the log is full"), "{reason}");
        let accounting = publisher.accounting();
        assert_eq!(accounting.dropped.get(DropReason::QueueFull), refused);
        assert_eq!(
            accounting.accepted,
            accounting.published + accounting.pending + refused
        );

        std::fs::remove_file(&ballast).unwrap();
        wait_until(|| publisher.accounting().pending == 0).await;
        wait_until(|| publisher.status() == PublisherStatus::Healthy).await;
        drop(publisher);
        assert_eq!(task.await.unwrap().published, accepted);
        assert_eq!(read_all(&data).len() as u64, accepted);
    }
}
