//! The partitions of `events`: created, refused, created again, dropped.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::thread;
use std::time::Duration;

use support::postgres::{at, fatal, join, now, open, ready, write};
use user_metadata_consumer::{Rejection, Sink};
use user_metadata_testing::postgres::{Database, database};
use user_metadata_testing::{require, until};

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn eight_that_need_the_same_partition_get_one() {
    let database = require!(database());
    drop(ready(&database, "").await);
    let past = now() - 200 * 86_400_000;
    let database = &database;
    let writing = (0..8).map(|id| async move {
        let mut sink = open(database, "connections=1");
        write(&mut sink, &[at(id, "a", past)]).await;
    });
    futures_util::future::join_all(writing).await;
    assert_eq!(database.query("SELECT count(*) FROM events"), ["8"]);
    assert_eq!(database.query("SELECT events FROM users"), ["8"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_event_that_the_database_never_takes_is_rejected() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    let now = now();
    let day = 86_400_000;
    let batch = [
        at(1, "a", now - 1),
        at(2, "b", 0),
        at(3, "c", 4_102_444_800_000),
        at(4, "d", now - 401 * day),
        at(5, "e", now + 2 * day),
        at(6, "f", now - 300 * day),
        at(7, "g", now + day / 24),
        join(8, |_| {}),
    ];
    let mut rejected = sink.write(&batch).await.unwrap();
    rejected.sort_by_key(|rejection| rejection.index);
    let expected: Vec<_> = (1..5)
        .map(|index| Rejection::new(index, "timestamp_out_of_range"))
        .collect();
    assert_eq!(rejected, expected);
    let users = "SELECT string_agg(user_id, ' ' ORDER BY user_id), sum(events) FROM users";
    assert_eq!(database.query(users), ["a f g user-123|4"]);
    assert_eq!(database.query("SELECT count(*) FROM events"), ["4"]);
    let made = "SELECT count(*) < 5 FROM pg_inherits WHERE inhparent = 'events'::regclass";
    assert_eq!(
        database.query(made),
        ["t"],
        "no partition for what is refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_an_operator_drops_is_created_again() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    write(&mut sink, &[join(1, |_| {})]).await;
    // The keeper is done with this month and the next.
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass";
    until("the partitions", LIMIT, || {
        (database.query(partitions) == ["2"]).then_some(())
    });
    database.execute(
        "DO $$ BEGIN EXECUTE 'DROP TABLE ' || to_char(now() at time zone 'UTC', '\"events_\"YYYYMM'); END $$;
        TRUNCATE users",
    );
    write(&mut sink, &[join(2, |_| {})]).await;
    let counts = "SELECT count(*), (SELECT sum(events) FROM users) FROM events";
    assert_eq!(database.query(counts), ["1|1"]);
}

/// Begins to detach a partition and is interrupted, since somebody reads.
fn detach_in_part(database: &Database, partition: &str) {
    let session = |setting: &str| {
        database.execute(&format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {setting}', current_database()); END $$"
        ));
    };
    read_on(database, "events", || {
        session("SET lock_timeout = 100");
        let detach = format!("ALTER TABLE events DETACH PARTITION {partition} CONCURRENTLY");
        let error = database.try_query(&detach).unwrap_err();
        assert!(error.contains("lock timeout"), "{error}");
        session("RESET lock_timeout");
    });
    let is_pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending";
    assert_eq!(database.query(is_pending), ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_past_their_time_are_dropped_and_no_others() {
    let database = require!(database());
    let day = 86_400_000;
    let mut sink = ready(&database, "").await;
    let ages = [0, 110, 200, 250, 300].map(|days| now() - days * day);
    let joins: Vec<_> = (0..)
        .zip(ages)
        .map(|(id, time)| at(id, "ann", time))
        .collect();
    write(&mut sink, &joins).await;
    drop(sink);
    let [_, _, _, pending, kept] = ages.map(|time| month(&database, time));
    // An operator has detached one to keep it, and an earlier run was interrupted while detaching.
    database.execute(&format!("ALTER TABLE events DETACH PARTITION {kept}"));
    detach_in_part(&database, &pending);
    let mut sink = ready(&database, "keep=150d").await;
    until("the end of what is old", LIMIT, || {
        let left = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^events_'";
        // This month, the next, that of 110 days ago, and the one that the operator keeps.
        (database.query(left) == ["4"]).then_some(())
    });
    assert_eq!(database.query("SELECT count(*) FROM events"), ["2"]);
    assert_eq!(
        database.query(&format!("SELECT count(*) FROM {kept}")),
        ["1"]
    );
    let late = sink
        .write(&[at(9, "ann", now() - 151 * day)])
        .await
        .unwrap();
    assert_eq!(late[0].reason, "timestamp_out_of_range");
}

/// The name of the month's partition.
fn month(database: &Database, millis: u64) -> String {
    let name = format!(
        "SELECT to_char(to_timestamp({}) AT TIME ZONE 'UTC', '\"events_\"YYYYMM')",
        millis / 1_000
    );
    database.query(&name).remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_detached_month_is_a_dead_letter_and_no_other_is() {
    let database = require!(database());
    let day = 86_400_000;
    let old = now() - 70 * day;
    let archived = month(&database, old);
    let mut sink = ready(&database, "connections=1").await;
    write(&mut sink, &[at(1, "ann", old), at(2, "ann", now())]).await;
    let detach = format!("ALTER TABLE events DETACH PARTITION {archived}");
    database.execute(&detach);
    // The sink that wrote before, and a new one.
    let late = [at(3, "bob", old), at(4, "eve", now())];
    let mut restarted = open(&database, "connections=1");
    for sink in [&mut sink, &mut restarted] {
        let rejected = sink.write(&late).await.unwrap();
        let [rejection] = &rejected[..] else {
            panic!("{rejected:?}");
        };
        assert_eq!(rejection.index, 0);
        let said = &rejection.reason;
        assert!(said.contains(&archived), "{said}");
        assert!(said.contains("is detached; attach it again"), "{said}");
    }
    // The remedy in the reason works.
    let rejected = sink.write(&late).await.unwrap();
    let (_, attach) = rejected[0].reason.split_once('(').unwrap();
    let (attach, _) = attach.split_once(") or rename").unwrap();
    database.execute(attach);
    write(&mut sink, &late).await;
    let counts = "SELECT count(*), (SELECT sum(events) FROM users) FROM events";
    assert_eq!(database.query(counts), ["4|4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_under_another_name_takes_the_events_of_its_time() {
    let database = require!(database());
    let day = 86_400_000;
    let old = now() - 70 * day;
    let mut sink = ready(&database, "connections=1").await;
    write(&mut sink, &[at(1, "ann", old)]).await;
    let rename = format!("ALTER TABLE {} RENAME TO older", month(&database, old));
    database.execute(&rename);
    drop(sink);
    let mut sink = ready(&database, "connections=1").await;
    write(&mut sink, &[at(2, "ann", old), at(3, "bob", now())]).await;
    assert_eq!(database.query("SELECT count(*) FROM older"), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_partition_that_cannot_be_dropped_holds_up_no_other() {
    let database = require!(database());
    let day = 86_400_000;
    let mut sink = ready(&database, "").await;
    let ages = [300, 200, 100].map(|days| now() - days * day);
    let joins: Vec<_> = (1..)
        .zip(ages)
        .map(|(id, time)| at(id, "ann", time))
        .collect();
    write(&mut sink, &joins).await;
    drop(sink);
    let viewed = month(&database, ages[0]);
    database.execute(&format!("CREATE VIEW mine AS SELECT * FROM {viewed}"));
    let _sink = ready(&database, "keep=150d").await;
    let other = month(&database, ages[1]);
    let is_gone = format!("SELECT to_regclass('{other}') IS NULL");
    until("the end of the other", LIMIT, || {
        (database.query(&is_gone) == ["t"]).then_some(())
    });
    assert_eq!(database.query("SELECT count(*) FROM mine"), ["1"]);
    assert_eq!(database.query("SELECT count(*) FROM events"), ["1"]);
}

/// Reads a table, in a transaction, until it is terminated.
fn read_on<T>(database: &Database, table: &str, during: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let read = format!("BEGIN; SELECT count(*) FROM {table}; SELECT pg_sleep(60); COMMIT");
        let reader = scope.spawn(move || database.try_query(&read));
        let reading = "SELECT count(*) > 0 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'";
        until("the reader", LIMIT, || {
            (database.query(reading) == ["t"]).then_some(())
        });
        let value = during();
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'",
        );
        assert!(reader.join().unwrap().is_err());
        value
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn each_schema_of_a_database_is_looked_after() {
    let database = require!(database());
    let old = now() - 100 * 86_400_000;
    for schema in ["one", "two"] {
        let mut sink = ready(&database, &format!("schema={schema}")).await;
        write(&mut sink, &[at(1, "ann", old)]).await;
    }
    let partition = month(&database, old);
    // Its keeper waits for the reader, and holds its lock.
    tokio::task::block_in_place(|| {
        let open = |schema| {
            let ready = ready(&database, schema);
            tokio::runtime::Handle::current().block_on(ready)
        };
        read_on(&database, "one.events", || {
            let _one = open("schema=one&keep=30d");
            let waits = "SELECT count(*) > 0 FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE '%detach partition%'
                    AND wait_event_type = 'Lock'";
            until("the keeper of one", LIMIT, || {
                (database.query(waits) == ["t"]).then_some(())
            });
            let _two = open("schema=two&keep=30d");
            let is_gone = format!("SELECT to_regclass('two.{partition}') IS NULL");
            until("the end of what is old in two", LIMIT, || {
                (database.query(&is_gone) == ["t"]).then_some(())
            });
        });
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_finds_another_maintaining_the_partitions_soon_has_its_turn() {
    let database = require!(database());
    let old = at(1, "ann", now() - 100 * 86_400_000);
    let mut sink = ready(&database, "connections=1").await;
    write(&mut sink, &[old]).await;
    drop(sink);
    let other = "SELECT pg_advisory_lock(1970106223, 'events'::regclass::oid::int), pg_sleep(60)";
    let maintaining = "SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'PgSleep'";
    let _sink = thread::scope(|scope| {
        let other = scope.spawn(|| database.try_query(other));
        until("the other process", LIMIT, || {
            (database.query(maintaining).len() == 1).then_some(())
        });
        let sink = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(ready(&database, "connections=1&keep=30d"))
        });
        // Time for its maintenance, which has a connection of its own, to find the other.
        let connections = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '%try_advisory_lock(1970106223%'
                AND pid <> pg_backend_pid()";
        until("the first look", LIMIT, || {
            (database.query(connections) == ["0"]).then_some(())
        });
        assert_eq!(database.query("SELECT count(*) FROM events"), ["1"]);
        database.execute(&format!(
            "SELECT pg_terminate_backend(pid) FROM ({maintaining}) other"
        ));
        assert!(other.join().unwrap().is_err());
        sink
    });
    until("the end of what is old", LIMIT, || {
        (database.query("SELECT count(*) FROM events") == ["0"]).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_and_dropped_is_not_counted_again_when_more_is_kept() {
    let database = require!(database());
    let day = 86_400_000;
    let joins: Vec<_> = (0..12)
        .map(|id| at(id, "ann", now() - u64::from(id / 6) * 100 * day))
        .collect();
    let options = "connections=1&sessions=on";
    let mut sink = ready(&database, options).await;
    write(&mut sink, &joins).await;
    drop(sink);
    let mut sink = ready(&database, &format!("{options}&keep=30d")).await;
    let left = "SELECT count(*) FROM events";
    until("the end of what is old", LIMIT, || {
        (database.query(left) == ["6"]).then_some(())
    });
    let rejected = sink.write(&joins).await.unwrap();
    assert_eq!(rejected.len(), 6, "{rejected:?}");
    drop(sink);
    let mut sink = ready(&database, &format!("{options}&keep=400d")).await;
    write(&mut sink, &joins).await;
    let counts =
        "SELECT count(*), (SELECT sum(events) FROM users), (SELECT sum(events) FROM sessions)
        FROM events";
    assert_eq!(database.query(counts), ["12|12|12"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_kept_as_long_as_was_said_last_and_for_ever_if_that_is_said() {
    let database = require!(database());
    for (options, expected) in [
        ("", "off"),
        ("keep=30d", "30 days"),
        ("", "30 days"),
        ("keep=off", "off"),
        ("keep=off", "off"),
    ] {
        drop(ready(&database, options).await);
        let keep = database.query("SELECT coalesce(keep::text, 'off') FROM settings");
        assert_eq!(keep, [expected], "{options}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_version_is_refused_before_anything_is_changed() {
    let database = require!(database());
    drop(ready(&database, "").await);
    database.execute("UPDATE settings SET schema_version = 99");
    let said = fatal(open(&database, "keep=3d&partition=day").prepare().await);
    assert!(said.contains("schema version 99"), "{said}");
    let settings = "SELECT schema_version, keep IS NULL, partition_by FROM settings";
    assert_eq!(database.query(settings), ["99|t|month"]);
}
