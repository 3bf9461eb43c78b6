//! Database failures, and what they mean for the batch.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::thread;
use std::time::{Duration, Instant};

use support::postgres::{join, open, ready, unavailable, write, write_until_stored};
use user_metadata_consumer::{Delivery, Sink};
use user_metadata_testing::postgres::{Database, Server, database};
use user_metadata_testing::{SmallDisk, require, until};

const LIMIT: Duration = Duration::from_secs(30);

/// Events of two users, in partitions of both connections.
fn batch(first: u32, count: u32) -> Vec<Delivery> {
    let numbered = |id: u32| {
        let mut delivery = join(id, |event| event.user_id = format!("user-{}", id % 2));
        delivery.position.partition = id % 2;
        delivery
    };
    (first..first + count).map(numbered).collect()
}

/// Events and what `users` counts of them, which must be the same.
fn counts(database: &Database) -> Vec<String> {
    database.query("SELECT count(*), (SELECT sum(events) FROM users) FROM events")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_an_outage_and_what_was_stored_before_counts_once() {
    let mut server = require!(Server::start());
    let database = server.database();
    let mut sink = ready(&database, "").await;
    let first = batch(0, 10);
    write(&mut sink, &first).await;
    server.crash();
    let said = unavailable(sink.write(&first).await);
    assert!(
        said.contains("closed") || said.contains("refused"),
        "{said}"
    );
    unavailable(sink.write(&first).await);
    server.restart();
    write_until_stored(&mut sink, &first).await;
    server.stop();
    server.restart();
    write_until_stored(&mut sink, &batch(10, 10)).await;
    assert_eq!(counts(&database), ["20|20"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_given_up_in_time() {
    let server = require!(Server::start());
    let database = server.database();
    let mut sink = ready(&database, "timeout=1s").await;
    let batch = batch(0, 10);
    server.freeze();
    let started = Instant::now();
    for _ in 0..2 {
        let said = unavailable(sink.write(&batch).await);
        assert!(said.contains("took longer"), "{said}");
    }
    assert!(started.elapsed() < LIMIT);
    server.thaw();
    write_until_stored(&mut sink, &batch).await;
    assert_eq!(counts(&database), ["10|10"]);
}

/// Holds a user until a writer waits for it, then does `then` in the same transaction.
fn hold(database: &Database, user: &str, then: &str) {
    database.execute(&format!(
        "DO $$ BEGIN
            SET LOCAL deadlock_timeout = '20s';
            UPDATE users SET username = username WHERE user_id = '{user}';
            WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock') LOOP
                PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
            END LOOP;
            {then};
        END $$"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_victim_of_a_deadlock_writes_again() {
    let database = require!(database());
    let mut sink = ready(&database, "connections=1").await;
    write(&mut sink, &batch(0, 10)).await;
    let second = batch(10, 10);
    let said = thread::scope(|scope| {
        let other = "UPDATE users SET username = username WHERE user_id = 'user-0'";
        let holder = scope.spawn(|| hold(&database, "user-1", other));
        until_held(&database);
        let written = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(sink.write(&second))
        });
        holder.join().unwrap();
        unavailable(written)
    });
    assert!(said.contains("40P01"), "{said}");
    write(&mut sink, &second).await;
    assert_eq!(counts(&database), ["20|20"]);
}

fn until_held(database: &Database) {
    let held = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()
        AND query LIKE 'DO %'";
    until("the holder", LIMIT, || {
        (database.query(held) == ["t"]).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_in_the_middle_of_a_batch_is_reopened() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    write(&mut sink, &batch(0, 10)).await;
    let second = batch(10, 10);
    let said = thread::scope(|scope| {
        let kill = "PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'user-metadata'";
        let holder = scope.spawn(|| hold(&database, "user-1", kill));
        until_held(&database);
        let written = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(sink.write(&second))
        });
        holder.join().unwrap();
        unavailable(written)
    });
    assert!(said.contains("57P01") || said.contains("closed"), "{said}");
    write_until_stored(&mut sink, &second).await;
    assert_eq!(counts(&database), ["20|20"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_the_same_users_and_events_end_without_a_deadlock() {
    let database = require!(database());
    drop(ready(&database, "").await);
    let batches: Vec<_> = (0..20).map(|number| batch(number * 100, 100)).collect();
    let write_all = async |is_reversed: bool| {
        let mut sink = open(&database, "connections=1&sessions=on");
        let mut failures = 0;
        for batch in &batches {
            let mut batch = batch.clone();
            if is_reversed {
                batch.reverse();
            }
            failures += write_until_stored(&mut sink, &batch).await;
        }
        failures
    };
    let failures = tokio::join!(write_all(false), write_all(true), write_all(false));
    assert_eq!(failures, (0, 0, 0));
    assert_eq!(counts(&database), ["2000|2000"]);
    assert_eq!(database.query("SELECT sum(events) FROM sessions"), ["2000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_an_outage_until_there_is_room() {
    let disk = require!(SmallDisk::new(200));
    let mut server = require!(Server::start_on(disk));
    let database = server.database();
    let mut sink = ready(&database, "").await;
    write(&mut sink, &batch(0, 10)).await;
    server.disk().unwrap().fill();
    // Some room is left in files that are there already.
    let mut next = 10;
    let refused = loop {
        let batch = batch(next, 2_000);
        match sink.write(&batch).await {
            Ok(_) => next += 2_000,
            Err(error) => {
                unavailable::<()>(Err(error));
                break batch;
            }
        }
        assert!(next < 200_000, "the disk was never full");
    };
    server.disk().unwrap().free();
    if !server.is_running() {
        server.restart();
    }
    write_until_stored(&mut sink, &refused).await;
    let all = next + 2_000;
    assert_eq!(counts(&database), [format!("{all}|{all}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_locked_is_waited_for_within_bounds() {
    let database = require!(database());
    let mut sink = ready(&database, "timeout=1s&connections=1").await;
    write(&mut sink, &batch(0, 10)).await;
    let second = batch(10, 10);
    let said = thread::scope(|scope| {
        let lock = "BEGIN; LOCK TABLE users; SELECT pg_sleep(60); COMMIT";
        let holder = scope.spawn(|| database.try_query(lock));
        let locked = "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'users'::regclass
            AND mode = 'AccessExclusiveLock' AND granted";
        until("the lock", LIMIT, || {
            (database.query(locked) == ["t"]).then_some(())
        });
        let written = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(sink.write(&second))
        });
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'",
        );
        assert!(holder.join().unwrap().is_err());
        unavailable(written)
    });
    assert!(said.contains("55P03") || said.contains("57014"), "{said}");
    write(&mut sink, &second).await;
    assert_eq!(counts(&database), ["20|20"]);
}
