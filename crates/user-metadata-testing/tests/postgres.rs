//! The PostgreSQL server for tests.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use user_metadata_testing::postgres::{self, Server};
use user_metadata_testing::{SmallDisk, require, until};

#[test]
fn what_is_committed_survives_a_crash_and_databases_are_apart() {
    let mut server = require!(Server::start());
    let (one, other) = (server.database(), server.database());
    for (database, value) in [(&one, 1), (&other, 2)] {
        database.execute(&format!(
            "CREATE TABLE t (x int); INSERT INTO t VALUES ({value})"
        ));
    }
    server.crash();
    assert!(one.try_query("SELECT x FROM t").is_err());
    server.restart();
    assert_eq!(one.query("SELECT x, 'a' FROM t"), ["1|a"]);
    assert_eq!(other.query("SELECT x FROM t"), ["2"]);
    server.stop();
    server.restart();
    assert_eq!(one.query("SELECT x FROM t"), ["1"]);
}

#[test]
fn a_frozen_server_answers_once_it_is_thawed() {
    let server = require!(Server::start());
    let database = server.database();
    server.freeze();
    assert!(database.try_query("SELECT 7").is_err());
    server.thaw();
    assert_eq!(database.query("SELECT 7"), ["7"]);
}

#[test]
fn a_server_on_a_small_disk_goes_on_once_there_is_room() {
    let disk = require!(SmallDisk::new(160));
    let server = require!(Server::start_on(disk));
    let database = server.database();
    database.execute("CREATE TABLE t (x text)");
    let insert = "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 5000)";
    server.disk().unwrap().fill();
    let error = database.try_query(insert).unwrap_err();
    assert!(
        error.contains("space") || error.contains("terminating"),
        "{error}"
    );
    server.disk().unwrap().free();
    until("room", Duration::from_secs(30), || {
        database.try_query(insert).ok()
    });
    assert_eq!(database.query("SELECT count(*) >= 5000 FROM t"), ["t"]);
}

#[test]
fn a_database_is_dropped_with_its_value() {
    let database = require!(postgres::database());
    let (url, name) = database.url().rsplit_once('/').unwrap();
    let other = require!(postgres::database());
    assert!(other.url().starts_with(url));
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(other.query(&count), ["1"]);
    drop(database);
    assert_eq!(other.query(&count), ["0"]);
}
