//! A damaged outbox on disk loses what can't be read of it, and no more.
#![cfg(feature = "load")]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use support::outbox::{Random, Stage, begin, events, last_words, outbox, wait_for};
use user_metadata_testing::process::{Program, WsServer};
use user_metadata_testing::{Scratch, require, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_damaged_outbox_all_is_delivered_that_can_be_read() {
    let mut stage = require!(Stage::set());
    let mut random = Random::new();
    let server = stage.server(&[]);
    let load = begin(&server, 300);
    wait_for("events", &server, |events| events.on_disk > 300);
    drop(server.running.kill());
    drop(load.stop().await);
    let kept = stage.waiting();
    stage.broker.restart();
    for part in ["outbox.db-wal", "outbox.db"] {
        for turn in 1..=3 {
            let data = Scratch::new("damaged");
            for file in ["outbox.db", "outbox.db-wal"] {
                let copied = std::fs::copy(stage.data.file(file), data.file(file));
                copied.unwrap();
            }
            let path = data.file(part);
            let at = if part == "outbox.db" {
                move_log_into_database(&path);
                in_an_event(&path, &kept, &mut random)
            } else {
                anywhere(&path, &mut random)
            };
            flip(&path, at);
            // Looking at it does no harm.
            drop(outbox("ls", &["--data-dir", data.path().to_str().unwrap()]));
            let topic = format!("{part}-{turn}");
            let lost = recover(&stage, &data, &topic, &kept);
            eprintln!("{topic}: {lost} of {} lost", kept.len());
        }
    }
}

/// Whoever starts it may not wait long, and the file may be large.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_a_damaged_outbox_is_read_loses_nothing_more() {
    let stage = require!(Stage::set());
    let server = stage.server(&["--drain-timeout", "1s"]);
    let load = begin(&server, 1_500);
    wait_for("events", &server, |events| events.on_disk > 5_000);
    drop(load.stop().await);
    let kept = last_words(server)[1];
    let path = stage.data.file("outbox.db");
    flip(
        &path,
        in_an_event(&path, &stage.waiting(), &mut Random::new()),
    );

    let program = Program::built("ws-server").args(stage.flags(stage.data.path()));
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let server = program.args(ports).start().unwrap();
    until("the salvage", Duration::from_secs(30), || {
        let files = std::fs::read_dir(stage.data.path()).unwrap().flatten();
        let names = files.map(|file| file.file_name().into_string().unwrap());
        (names.filter(|name| name.contains(".new")).count() > 0).then_some(())
    });
    let ended = server.kill();
    let said = ended.stderr.join("\n");
    assert!(!said.contains("listening"), "too late: {said}");
    let server = stage.server(&[]);
    let recovered = events(&server).recovered;
    eprintln!("{recovered} of {kept}");
    assert!(
        (kept - kept / 10..kept).contains(&recovered),
        "{recovered} of {kept}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_that_is_deleted_under_a_server_survives_a_kill_of_it() {
    let stage = require!(Stage::set());
    let server = stage.server(&[]);
    let load = begin(&server, 300);
    wait_for("events", &server, |events| events.on_disk > 300);
    std::fs::remove_dir_all(stage.data.path()).unwrap();
    let line = server
        .running
        .stderr()
        .wait_for("the file of the outbox was gone");
    assert!(line.contains("WARN"), "{line}");
    drop(load.stop().await);
    let waiting = wait_for("the disk", &server, |events| {
        events.on_disk == events.pending
    });
    drop(server.running.kill());
    assert_eq!(stage.waiting().len() as u64, waiting.pending);
}

/// Starts a server with a damaged outbox; returns how many events are lost.
fn recover(stage: &Stage, data: &Scratch, topic: &str, kept: &[String]) -> usize {
    let flags = [&stage.flags(data.path())[..], &["--topic", topic]].concat();
    let server = WsServer::start(&flags);
    let line = server.running.stderr().wait_for("the outbox was damaged");
    let delivered = wait_for("the delivery", &server, |events| events.pending == 0);
    assert!(
        line.contains(&format!("events_read={}", delivered.recovered)),
        "{line}"
    );
    assert_eq!(last_words(server), [delivered.recovered, 0, 0]);
    let set_aside = std::fs::read_dir(data.path()).unwrap().flatten();
    let set_aside = set_aside.map(|file| file.file_name().into_string().unwrap());
    let is_damaged = |name: &String| name.starts_with("outbox.db.damaged-");
    assert!(set_aside.filter(is_damaged).count() > 0);

    let arrived: BTreeSet<String> = stage.arrived(topic).into_iter().map(|(id, _)| id).collect();
    assert_eq!(arrived.len() as u64, delivered.recovered, "each once");
    let kept: BTreeSet<String> = kept.iter().cloned().collect();
    assert!(arrived.is_subset(&kept));
    let lost = kept.len() - arrived.len();
    // What was flipped is shorter than an event.
    assert!(lost <= 2, "{lost} are lost: {line}");

    let server = WsServer::start(&flags);
    assert_eq!(events(&server).recovered, 0);
    let ended = server.running.stop();
    assert_eq!(ended.code, Some(0));
    let said = ended.stderr.join("\n");
    assert!(!said.contains("damaged"), "{said}");
    lost
}

/// Flips bits of a file at `at`.
fn flip(path: &str, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at..at + 16].iter_mut().for_each(|byte| *byte ^= 0x55);
    eprintln!("{path}: {} bytes, flipped at {at}", bytes.len());
    std::fs::write(path, bytes).unwrap();
}

/// Somewhere in the middle of a log: each of its bytes counts.
fn anywhere(log: &str, random: &mut Random) -> usize {
    let third = std::fs::metadata(log).unwrap().len() / 3;
    usize::try_from(third + random.below(third)).unwrap()
}

/// In an event in the middle, as not all of a database file is in use.
fn in_an_event(database: &str, kept: &[String], random: &mut Random) -> usize {
    let bytes = std::fs::read(database).unwrap();
    let third = kept.len() / 3;
    let id = &kept[third + usize::try_from(random.below(third as u64)).unwrap()];
    let found = bytes
        .windows(id.len())
        .position(|part| part == id.as_bytes());
    found.unwrap()
}

/// As a clean shutdown does.
fn move_log_into_database(path: &str) {
    let database = rusqlite::Connection::open(path).unwrap();
    let move_all = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = database.query_row(move_all, [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0);
}
