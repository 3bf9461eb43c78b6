//! What goes wrong with the database, and what it means for the batch.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::{Duration, Instant};

use support::postgres::{
    at, fatal, join, now, open, ready, unavailable, write, write_until_stored,
};
use user_metadata_consumer::{Delivery, Sink};
use user_metadata_sinks::SinkUrl;
use user_metadata_testing::kafka::Authority;
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
async fn a_connection_killed_in_the_middle_of_a_batch_is_made_anew() {
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

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_has_to_mend_is_fatal_and_no_secret_is_told() {
    let server = require!(Server::start());
    let database = server.database();
    let attempt = async |url: String| {
        let url: SinkUrl = url.parse().unwrap();
        fatal(url.open().unwrap().prepare().await)
    };
    let (start, end) = database.url().rsplit_once('@').unwrap();
    let user = start.rsplit_once(':').unwrap().0;
    let said = attempt(format!("{user}:hunter2@{end}")).await;
    assert!(said.contains("28P01") && said.contains("mend"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let said = attempt(server.url().replace("/postgres", "/nowhere")).await;
    assert!(
        said.contains("3D000") && said.contains("create it"),
        "{said}"
    );
    database.execute(
        "CREATE ROLE guest LOGIN PASSWORD 'guest'; REVOKE ALL ON SCHEMA public FROM public",
    );
    let said = attempt(format!("postgres://guest:guest@{end}")).await;
    assert!(said.contains("?schema=NAME"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_may_be_in_a_file() {
    let server = require!(Server::start());
    let database = server.database();
    let (login, address) = database.url().rsplit_once('@').unwrap();
    let (user, password) = login.rsplit_once(':').unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{password}\n")).unwrap();
    let url = format!("{user}@{address}?password-file={}", file.path().display());
    let url: SinkUrl = url.parse().unwrap();
    write(&mut url.open().unwrap(), &batch(0, 10)).await;
    assert_eq!(counts(&database), ["10|10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_somebody_drops_is_made_anew() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    write(&mut sink, &batch(0, 10)).await;
    // The keeper is done with this month and the next.
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass";
    until("the partitions", LIMIT, || {
        (database.query(partitions) == ["2"]).then_some(())
    });
    database.execute(
        "DO $$ BEGIN EXECUTE 'DROP TABLE ' || to_char(now() at time zone 'UTC', '\"events_\"YYYYMM'); END $$;
        TRUNCATE users",
    );
    write(&mut sink, &batch(10, 10)).await;
    assert_eq!(counts(&database), ["10|10"]);
}

/// Begins to detach a partition and is cut off, for somebody reads.
fn detach_in_part(database: &Database, partition: &str) {
    let session = |setting: &str| {
        database.execute(&format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {setting}', current_database()); END $$"
        ));
    };
    thread::scope(|scope| {
        let read = "BEGIN; SELECT count(*) FROM events; SELECT pg_sleep(60); COMMIT";
        let reader = scope.spawn(|| database.try_query(read));
        let reading = "SELECT count(*) > 0 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'";
        until("the reader", LIMIT, || {
            (database.query(reading) == ["t"]).then_some(())
        });
        session("SET lock_timeout = 100");
        let detach = format!("ALTER TABLE events DETACH PARTITION {partition} CONCURRENTLY");
        let error = database.try_query(&detach).unwrap_err();
        assert!(error.contains("lock timeout"), "{error}");
        session("RESET lock_timeout");
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event = 'PgSleep'",
        );
        assert!(reader.join().unwrap().is_err());
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
    let partition = |time: u64| {
        let name = format!(
            "SELECT to_char(to_timestamp({}), '\"events_\"YYYYMM')",
            time / 1_000
        );
        database.query(&name).remove(0)
    };
    let [_, _, _, pending, kept] = ages.map(partition);
    // Somebody has taken one out to keep it, and an earlier run was cut off while it detached.
    database.execute(&format!("ALTER TABLE events DETACH PARTITION {kept}"));
    detach_in_part(&database, &pending);
    let mut sink = ready(&database, "keep=150d").await;
    until("the end of what is old", LIMIT, || {
        let left = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^events_'";
        // This month, the next, that of 110 days ago, and the one that somebody keeps.
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

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_and_the_server_verified_where_that_is_asked_for() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign("postgres", &["localhost"]);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    let server = require!(Server::start_with(&[
        "ssl=on",
        &format!("ssl_cert_file={certificate}"),
        &format!("ssl_key_file={key}"),
    ]));
    let database = server.database();
    let named = database.url().replace("127.0.0.1", "localhost");
    let root = authority.ca_file();
    let other = Authority::new();
    let is_encrypted = async |url: &str, options: &str| {
        let url: SinkUrl = format!("{url}?{options}").parse().unwrap();
        let mut sink = url.open().unwrap();
        sink.prepare().await?;
        let ssl = "SELECT bool_or(ssl), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity
            USING (pid) WHERE application_name = 'user-metadata'";
        Ok(database.query(ssl)[0] == "t|t")
    };
    for (url, options, expected) in [
        (database.url(), "sslmode=prefer", true),
        (database.url(), "sslmode=disable", false),
        (database.url(), "sslmode=require", true),
        (
            &named,
            &format!("sslmode=verify-full&sslrootcert={root}"),
            true,
        ),
        (&named, &format!("sslmode=require&sslrootcert={root}"), true),
    ] {
        let encrypted: Result<bool, user_metadata_consumer::SinkError> =
            is_encrypted(url, options).await;
        assert_eq!(encrypted.unwrap(), expected, "{options}");
    }
    for (url, root) in [(&*named, other.ca_file()), (database.url(), root)] {
        let options = format!("sslmode=verify-full&sslrootcert={root}");
        let said = unavailable(is_encrypted(url, &options).await);
        assert!(said.contains("certificate"), "{said}");
    }
    let error = format!("{named}?sslmode=verify-full&sslrootcert={key}")
        .parse::<SinkUrl>()
        .unwrap()
        .open()
        .unwrap_err();
    assert!(error.to_string().contains("can't be read"), "{error}");
}
