//! What the PostgreSQL sink writes into its database.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use support::postgres::{at, fatal, join, now, open, ready, write};
use support::{event, good_fixtures};
use user_metadata_consumer::{Delivery, Rejection, Sink};
use user_metadata_events::UnixMillis;
use user_metadata_testing::postgres::{Database, database};
use user_metadata_testing::require;

/// The fixtures are of a day that moves out of what is accepted.
fn accept_all(database: &Database) {
    database.execute("UPDATE settings SET accept_past = '100 years'");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fixture_is_a_row() {
    let database = require!(database());
    drop(ready(&database, "").await);
    accept_all(&database);
    let mut sink = open(&database, "");
    for (name, value) in good_fixtures() {
        write(&mut sink, &[support::delivery(&value)]).await;
        let row = database.query("SELECT jsonb_pretty(to_jsonb(events)) FROM events");
        insta::assert_snapshot!(format!("row_of_{name}"), row.join("\n"));
        database.execute("TRUNCATE events");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_counts_once_however_often_it_comes() {
    let database = require!(database());
    let mut sink = ready(&database, "sessions=on").await;
    let first = join(1, |_| {});
    let second = join(2, |event| event.user_id = "jane".into());
    write(&mut sink, &[first.clone(), first.clone()]).await;
    write(&mut sink, &[second.clone(), first.clone()]).await;
    // Into a sink that does not know what was stored before.
    let mut other = ready(&database, "sessions=on&connections=1").await;
    write(&mut other, &[first.clone(), second, join(3, |_| {}), first]).await;
    assert_eq!(
        database.query("SELECT count(*), count(DISTINCT id) FROM events"),
        ["3|3"]
    );
    let users = "SELECT user_id, events FROM users ORDER BY 1";
    assert_eq!(database.query(users), ["jane|1", "user-123|2"]);
    let sessions = "SELECT user_id, session_id, events FROM sessions ORDER BY 1";
    assert_eq!(
        database.query(sessions),
        ["jane|session-9|1", "user-123|session-9|2"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_what_the_newest_event_says_in_whatever_order_they_come() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    let now = now();
    let named = |id: u32, name: &str, millis: u64| {
        event(id, |event| {
            event.username = name.into();
            event.metadata.browser = Some(format!("Browser of {name}"));
            event.timestamp = UnixMillis::new(millis).unwrap();
        })
    };
    write(
        &mut sink,
        &[named(1, "B", now - 2_000), named(2, "A", now - 3_000)],
    )
    .await;
    write(&mut sink, &[named(3, "C", now - 1_000)]).await;
    write(&mut sink, &[named(4, "old", now - 9_000)]).await;
    let user = format!(
        "SELECT username, browser, events, extract(epoch from first_seen)::numeric * 1000 = {},
            extract(epoch from last_seen)::numeric * 1000 = {} FROM users",
        now - 9_000,
        now - 1_000
    );
    assert_eq!(database.query(&user), ["C|Browser of C|4|t|t"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_not_wanted_stay_empty() {
    let database = require!(database());
    let mut sink = ready(&database, "users=off").await;
    write(&mut sink, &[join(1, |_| {})]).await;
    let counts = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM users),
        (SELECT count(*) FROM sessions)";
    assert_eq!(database.query(counts), ["1|0|0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_are_wanted_later_are_filled_with_what_is_there() {
    let database = require!(database());
    let now = now();
    let mut joins: Vec<_> = (0..30)
        .map(|id| {
            at(
                id,
                ["ann", "bob", "eve"][id as usize % 3],
                now - u64::from(id),
            )
        })
        .collect();
    for (index, delivery) in (0_u32..).zip(&mut joins) {
        delivery.event.session_id = format!("s{}", index % 2);
        delivery.event.username = format!("name {index}");
    }
    let mut sink = ready(&database, "users=off").await;
    write(&mut sink, &joins).await;
    let mut sink = ready(&database, "users=on&sessions=on").await;
    write(&mut sink, &joins).await;
    let users = "SELECT user_id, username, events, last_seen - first_seen FROM users ORDER BY 1";
    let expected = [
        "ann|name 0|10|00:00:00.027",
        "bob|name 1|10|00:00:00.027",
        "eve|name 2|10|00:00:00.027",
    ];
    assert_eq!(database.query(users), expected);
    let sessions = "SELECT count(*), sum(events), min(events) FROM sessions";
    assert_eq!(database.query(sessions), ["6|30|5"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_views_count_events_and_users_by_day_in_utc() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    let midnight = now() / 86_400_000 * 86_400_000;
    let browser = |delivery: Delivery, browser: Option<&str>| {
        let mut delivery = delivery;
        delivery.event.metadata.browser = browser.map(Into::into);
        delivery
    };
    let batch = [
        browser(at(1, "ann", midnight - 1), Some("Chrome 120.0")),
        browser(at(2, "ann", midnight), Some("Chrome 120.0")),
        browser(at(3, "ann", midnight + 1), Some("Chrome 120.0")),
        browser(at(4, "bob", midnight + 2), Some("Chrome 120.0")),
        browser(at(5, "bob", midnight + 2), None),
    ];
    write(&mut sink, &batch).await;
    let share = "SELECT day - to_timestamp($)::date, name, events, users FROM browser_share
        ORDER BY 1, 2";
    let share = share.replace('$', &(midnight / 1_000).to_string());
    let expected = ["-1|Chrome 120.0|1|1", "0|Chrome 120.0|3|2", "0||1|1"];
    assert_eq!(database.query(&share), expected);
    for view in ["os_share", "device_share"] {
        let sums = format!("SELECT sum(events), max(users) FROM {view}");
        assert_eq!(database.query(&sums), ["5|2"]);
    }
}

/// A check constraint stands for anything that refuses a row: COPY names it, the other way halves.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_constraint_refuses_are_found_in_either_way_of_writing() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    database.execute("ALTER TABLE events ADD CONSTRAINT no_bob CHECK (username <> 'bob')");
    let batch = |first: u32| -> Vec<Delivery> {
        let name = |id: u32| if id.is_multiple_of(7) { "bob" } else { "ann" };
        let named = |id: u32| {
            let mut delivery = join(id, |event| event.username = name(id).into());
            delivery.position.partition = id % 3;
            delivery
        };
        (first..first + 50).map(named).collect()
    };
    let rejected = |batch: &[Delivery], rejected: Vec<Rejection>| {
        let mut names: Vec<_> = rejected
            .iter()
            .map(|rejection| &*batch[rejection.index].event.username)
            .collect();
        names.dedup();
        assert_eq!(names, ["bob"], "{rejected:?}");
        rejected.len()
    };
    let first = batch(0);
    assert_eq!(rejected(&first, sink.write(&first).await.unwrap()), 8);
    // Redelivered events switch it to the slower way.
    let good: Vec<_> = first
        .iter()
        .filter(|delivery| delivery.event.username == "ann")
        .cloned()
        .collect();
    write(&mut sink, &good).await;
    let second = batch(100);
    let reason = sink.write(&second).await.unwrap();
    assert!(reason[0].reason.contains("SQLSTATE 23514"), "{reason:?}");
    assert_eq!(rejected(&second, reason), 7);
    let counts = "SELECT count(*), (SELECT sum(events) FROM users) FROM events";
    assert_eq!(database.query(counts), ["85|85"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_postgres_cannot_store_are_replaced() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    let mut nul = join(1, |_| {});
    nul.event.username = "a\0b".into();
    nul.event.metadata.user_agent = Some("\0".into());
    nul.event
        .extra
        .insert("no\0te".into(), "x\0y \\u0000".into());
    let mut address = join(2, |_| {});
    address.event.metadata.ip = Some("999.1.1.1".into());
    address.event.connection_info.ip_address = Some("fe80::1%eth0".into());
    let hash = "8f434346648f6b96df89dda901c5176b";
    let mut hashed = join(3, |_| {});
    hashed.event.metadata.ip = Some(hash.into());
    hashed.event.connection_info.ip_address = Some(hash.into());
    let mapped = join(4, |event| {
        event.metadata.ip = Some("::ffff:198.51.100.9".into())
    });
    write(&mut sink, &[nul, address, hashed, mapped]).await;
    let rows = "SELECT username, user_agent, ip, details ->> 'ip', details ->> 'ipAddress',
        details ->> U&'no\\FFFDte' FROM events ORDER BY id";
    assert_eq!(
        database.query(rows),
        [
            "a\u{fffd}b|\u{fffd}|203.0.113.7|||x\u{fffd}y \\u0000",
            "John|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36||999.1.1.1|fe80::1%eth0|",
            &format!(
                "John|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36||{hash}||"
            ),
            "John|Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36|198.51.100.9||203.0.113.7|",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_no_index_takes_is_rejected_alone() {
    let database = require!(database());
    let mut sink = ready(&database, "").await;
    let mut long = join(1, |_| {});
    long.event.user_id = "x".repeat(513);
    let rejected = sink
        .write(&[join(2, |_| {}), long, join(3, |_| {})])
        .await
        .unwrap();
    assert_eq!(
        rejected,
        [Rejection::new(1, "userId has more than 512 bytes")]
    );
    assert_eq!(database.query("SELECT sum(events) FROM users"), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_stored_as_far_as_the_url_allows() {
    for (options, expected) in [
        ("ip=full", "203.0.113.7"),
        ("ip=truncate", "203.0.113.0"),
        ("ip=none", ""),
    ] {
        let database = require!(database());
        let mut sink = ready(&database, options).await;
        write(&mut sink, &[join(1, |_| {})]).await;
        let ips = "SELECT events.ip, users.ip FROM events, users";
        assert_eq!(database.query(ips), [format!("{expected}|{expected}")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_start_at_once_the_tables_are_made_once() {
    let database = require!(database());
    let starting = (0..8).map(|_| ready(&database, "schema=here&partition=day&keep=30d&index=ip"));
    futures_util::future::join_all(starting).await;
    let settings = "SELECT schema_version, partition_by, keep FROM here.settings";
    assert_eq!(database.query(settings), ["1|day|30 days"]);
    assert_eq!(
        database.query("SELECT to_regclass('here.events_ip') IS NOT NULL"),
        ["t"]
    );
    // Settings that the URL does not name stay as they are.
    drop(ready(&database, "schema=here").await);
    assert_eq!(database.query(settings), ["1|day|30 days"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_version_or_another_program_are_refused_and_left_alone() {
    let newer = require!(database());
    drop(ready(&newer, "").await);
    newer.execute("UPDATE settings SET schema_version = 99");
    assert!(fatal(open(&newer, "").prepare().await).contains("schema version 99"));
    let foreign = require!(database());
    foreign.execute("CREATE TABLE users (name text); CREATE TABLE settings (x int)");
    assert!(fatal(open(&foreign, "").prepare().await).contains("?schema=NAME"));
    assert_eq!(foreign.query("SELECT to_regclass('events') IS NULL"), ["t"]);
    drop(ready(&foreign, "schema=mine").await);
}
