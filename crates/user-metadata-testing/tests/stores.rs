//! The databases for tests keep their data over a restart, and lose it where the test says so.
#![allow(clippy::unwrap_used)]

use std::net::TcpStream;

use user_metadata_testing::{mongo, redis, require};

#[test]
fn redis_keeps_its_data_over_a_stop_and_loses_the_end_of_its_file_on_request() {
    let mut server = require!(redis::Server::start());
    let url = server.url();
    let cli = |command: &[&str]| redis::cli(&url, command).unwrap();
    assert_eq!(cli(&["SET", "first", "1"]), ["OK"]);
    assert_eq!(cli(&["SET", "second", "2"]), ["OK"]);
    server.stop();
    assert!(TcpStream::connect(server.port().address()).is_err());
    server.restart();
    assert_eq!(cli(&["MGET", "first", "second"]), ["1", "2"]);
    server.kill();
    server.lose(1);
    server.restart();
    assert_eq!(cli(&["MGET", "first", "second"]), ["1", ""]);
}

#[test]
fn the_mongodb_server_can_be_stopped_and_comes_back() {
    let mut server = require!(mongo::Server::start());
    assert!(server.url("db").ends_with("/db"));
    server.stop();
    // It waits until the server answers.
    server.restart();
}
