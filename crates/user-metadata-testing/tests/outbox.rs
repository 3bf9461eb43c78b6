//! What ws-server has promised with `joined` survives its end in the outbox on disk, however it
//! ends.
#![cfg(feature = "load")]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use support::joins;
use support::outbox::{
    ON_DISK, Random, STALLED, Stage, TOPIC, assert_all, begin, events, last_words, outbox,
    promised_at, wait_for,
};
use user_metadata_log::{DiskQueue, EncodedBatch, LogSync};
use user_metadata_testing::load::TimedJoin;
use user_metadata_testing::process::{Ended, Program, WsServer};
use user_metadata_testing::{Port, Scratch, require, until};

/// Kills a server some time after `begin`; returns the instant.
fn kill_after(time: Duration, begin: Instant, server: WsServer) -> Instant {
    until("the time to pass", Duration::from_secs(60), || {
        (begin.elapsed() >= time).then_some(())
    });
    let killed = Instant::now();
    drop(server.running.kill());
    killed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_moment_loses_nothing_that_was_promised() {
    let mut stage = require!(Stage::set());
    let mut random = Random::new();
    let mut all: Vec<TimedJoin> = Vec::new();
    let mut promised = BTreeSet::new();
    let mut stalls = 0;
    for round in 1..=8 {
        let server = stage.server(&[]);
        let found = stage.waiting();
        assert_eq!(events(&server).recovered, found.len() as u64);
        let load = begin(&server, 1_000);
        let time = Duration::from_millis(50 + random.below(751));
        let killed = kill_after(time, Instant::now(), server);
        let joins = load.stop().await;
        promised.append(&mut promised_at(killed, &joins, STALLED));
        let kept: BTreeSet<String> = stage.waiting().into_iter().collect();
        assert_all(&promised, &kept);
        stalls += u32::from(!promised_at(killed, &joins, ON_DISK).is_subset(&kept));
        all.extend(joins);
        let (old, all) = (promised.len(), kept.len());
        eprintln!("{round}: killed after {time:?}; {old} promised, {all} kept");
        // What is once on disk stays there.
        promised.extend(kept);
    }
    assert!(stalls <= 1, "{stalls} of 8 times an event came late");
    assert!(promised.len() > 100, "{}", promised.len());

    // Enough for their replay to take a while.
    let server = stage.server(&[]);
    let load = begin(&server, 2_000);
    wait_for("12,000 events", &server, |events| events.pending > 12_000);
    let killed = kill_after(Duration::ZERO, Instant::now(), server);
    let joins = load.stop().await;
    promised.append(&mut promised_at(killed, &joins, STALLED));
    all.extend(joins);

    all.extend(kill_in_the_middle_of_the_replay(&mut stage, &mut promised).await);
    let found = stage.waiting().len() as u64;
    let server = stage.server(&[]);
    assert_eq!(events(&server).recovered, found);
    wait_for("the delivery of all", &server, |events| events.pending == 0);
    assert_eq!(last_words(server), [found, 0, 0]);
    assert_eq!(stage.waiting(), [""; 0]);
    let twice = stage.assert_arrived(&promised, &all);
    eprintln!(
        "{} joins, {} promised; {found} delivered after the last kill, {twice} twice",
        all.len(),
        promised.len()
    );
}

/// Kafka returns, and the server is killed again when part of the backlog is delivered and users
/// keep joining; returns their joins.
async fn kill_in_the_middle_of_the_replay(
    stage: &mut Stage,
    promised: &mut BTreeSet<String>,
) -> Vec<TimedJoin> {
    let found = stage.waiting().len() as u64;
    stage.broker.restart();
    // So that nothing is delivered before the test looks.
    stage.broker.freeze();
    let server = stage.server(&[]);
    assert_eq!(events(&server).recovered, found);
    let load = begin(&server, 500);
    wait_for("joins", &server, |events| events.pending > found + 100);
    stage.broker.thaw();
    let last = wait_for("a part", &server, |events| events.published > found / 4);
    let killed = kill_after(Duration::ZERO, Instant::now(), server);
    eprintln!("killed in the replay: {last:?}");
    assert!(last.pending > 0, "the replay was over: {last:?}");
    let joins = load.stop().await;
    promised.append(&mut promised_at(killed, &joins, STALLED));
    let left = stage.waiting().into_iter();
    let arrived = stage.arrived(TOPIC).into_iter().map(|(id, _)| id);
    assert_all(promised, &left.chain(arrived).collect());
    joins
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_kafka_is_away_leaves_all_to_the_next_start() {
    let mut stage = require!(Stage::set());
    let server = stage.server(&["--drain-timeout", "1s"]);
    let load = begin(&server, 500);
    wait_for("events", &server, |events| events.pending > 200);
    let [published, pending, dropped] = last_words(server);
    let mut all = load.stop().await;
    let answered = all.iter().filter_map(|join| join.reply.clone().ok());
    let mut promised: BTreeSet<String> = answered.collect();
    assert_eq!((published, dropped), (0, 0));
    let kept = stage.waiting();
    assert_eq!(kept.len() as u64, pending, "the last line is right");
    assert_all(&promised, &kept.into_iter().collect());

    // A drain that would take long, and a second signal.
    let server = stage.server(&["--drain-timeout", "60s"]);
    assert_eq!(events(&server).recovered, pending);
    let load = begin(&server, 500);
    wait_for("more", &server, |events| events.pending > pending + 100);
    server.running.ask_to_stop();
    drop(server.running.stderr().wait_for("shutdown requested"));
    let (killed, joins) = (Instant::now(), load.stop());
    let ended = server.running.stop();
    assert!(killed.elapsed() < Duration::from_secs(10));
    assert_eq!(ended.code, Some(143));
    let last = ended.stderr.last().unwrap();
    assert!(last.contains("second signal"), "{last}");
    let joins = joins.await;
    promised.append(&mut promised_at(killed, &joins, STALLED));
    all.extend(joins);
    let found = stage.waiting().len() as u64;

    stage.broker.restart();
    let server = stage.server(&[]);
    wait_for("the delivery of all", &server, |events| events.pending == 0);
    assert_eq!(last_words(server), [found, 0, 0]);
    assert_eq!(stage.assert_arrived(&promised, &all), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_listed_printed_and_replayed_without_a_server() {
    let mut stage = require!(Stage::set());
    let server = stage.server(&[]);
    let promised = joins(&server, 30, 300).await.unwrap().done;
    let promised: BTreeSet<String> = promised.into_iter().map(|join| join.event_id).collect();
    wait_for("all on disk", &server, |events| events.on_disk == 30);
    let flags = stage.flags(stage.data.path());
    let listed = || outbox("ls", &flags[2..]).stdout;
    let printed = stage.waiting();
    assert_eq!(printed.iter().cloned().collect::<BTreeSet<_>>(), promised);
    assert!(listed()[1].starts_with("30\t"), "{:?}", listed());

    // There is one server, and it does the delivering.
    for (what, ended) in [
        ("a replay", outbox("replay", &flags)),
        ("a second server", start_in_vain(&flags)),
    ] {
        assert_eq!(ended.code, Some(2), "{what}");
        let said = ended.stderr.join("\n");
        assert!(said.contains("--data-dir"), "{what}: {said}");
    }
    drop(server.running.kill());
    assert_eq!(stage.waiting(), printed);
    assert!(listed()[1].starts_with("30\t"), "{:?}", listed());

    stage.broker.restart();
    let ended = outbox("replay", &stage.flags(stage.data.path()));
    assert_eq!(ended.code, Some(0), "{:?}", ended.stderr);
    let arrived: Vec<String> = stage.arrived(TOPIC).into_iter().map(|(id, _)| id).collect();
    assert_eq!(arrived.len(), 30, "each once");
    assert_eq!(arrived.into_iter().collect::<BTreeSet<_>>(), promised);
    assert_eq!(stage.waiting(), [""; 0]);
}

/// How a server that can't be started ends, and what it says.
fn start_in_vain(flags: &[&str]) -> Ended {
    let ports = [Port::free(), Port::free()].map(|port| port.to_string());
    let listen = ["--listen", &ports[0], "--admin-listen", &ports[1]];
    let program = Program::built("ws-server").args(listen).args(flags);
    program.start().unwrap().wait()
}

/// A damaged outbox is set aside; a file that is not an outbox is not mistaken for one.
#[test]
fn a_replay_leaves_a_file_alone_that_is_not_an_outbox() {
    let data = Scratch::new("no-outbox");
    let text = data.file("w.ndjson");
    let events = b"{\"id\":\"01JD9Z3V8K\",\"userId\":\"user-123\"}\n";
    std::fs::write(&text, events).unwrap();
    let database = data.file("user-metadata.sqlite");
    let connection = rusqlite::Connection::open(&database).unwrap();
    let made = "PRAGMA journal_mode = wal; CREATE TABLE events(id TEXT)";
    connection.execute_batch(made).unwrap();
    let before = std::fs::read(&database).unwrap();
    for file in [&text, &database] {
        let ended = outbox("replay", &["--brokers", "localhost:1", "--file", file]);
        let said = ended.stderr.join("\n");
        assert_eq!(ended.code, Some(2), "{said}");
        assert!(said.contains("--file"), "{said}");
    }
    assert_eq!(std::fs::read(&text).unwrap(), events);
    assert_eq!(std::fs::read(&database).unwrap(), before);
    let files = std::fs::read_dir(data.path()).unwrap().flatten();
    let names = files.map(|file| file.file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.contains("damaged")).count(), 0);
    let query = "SELECT count(*) FROM events";
    let rows: i64 = connection.query_row(query, [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
}

#[test]
fn what_is_printed_and_listed_reports_damaged_batches() {
    let data = Scratch::new("damaged-batch");
    let path = data.file("outbox.db");
    three_batches(&path);
    let file = rusqlite::Connection::open(&path).unwrap();
    let damage = "UPDATE batches SET checksum = 0 WHERE id = 2";
    assert_eq!(file.execute(damage, []).unwrap(), 1);
    for (command, lines) in [("cat", 2), ("ls", 2)] {
        let ended = outbox(command, &["--file", &path]);
        assert_eq!(
            (ended.code, ended.stdout.len()),
            (Some(1), lines),
            "{command}"
        );
        let said = ended.stderr.join("\n");
        assert!(said.contains("1 damaged"), "{command}: {said}");
    }
    let all = outbox("ls", &["--data-dir", data.path().to_str().unwrap()]);
    assert_eq!(all.code, Some(0));
    assert!(all.stdout[1].contains("1 damaged"), "{:?}", all.stdout);
}

#[test]
fn a_replay_that_can_not_open_the_outbox_fails() {
    let data = Scratch::new("no-lock");
    three_batches(&data.file("outbox.db"));
    let lock = data.file("outbox.db.lock");
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let folder = data.path().to_str().unwrap();
    let flags = ["--brokers", "localhost:1", "--data-dir", folder];
    let ended = outbox("replay", &flags);
    let said = ended.stderr.join("\n");
    assert_eq!(ended.code, Some(1), "{said}");
    assert!(said.contains("can't be opened"), "{said}");
}

/// Reading a large, damaged outbox takes a while.
#[test]
fn a_signal_ends_a_server_and_a_replay_that_still_open_the_outbox() {
    let data = Scratch::new("slow");
    three_batches(&data.file("outbox.db"));
    // Opening it blocks until there is a writer.
    let made = Command::new("mkfifo")
        .arg(data.file("outbox.db-wal"))
        .status();
    assert!(made.unwrap().success());
    let folder = data.path().to_str().unwrap();
    let flags = ["--brokers", "localhost:1", "--data-dir", folder];
    let ports = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    for (command, code) in [(&ports[..], 0), (&["outbox", "replay"], 1)] {
        let program = Program::built("ws-server").args(command).args(flags);
        let running = program.start().unwrap();
        drop(running.stderr().wait_for("Kafka at localhost:1"));
        let ended = running.stop();
        assert_eq!(ended.code, Some(code), "{:?}", ended.stderr);
    }
}

/// Makes an outbox.
fn three_batches(path: &str) {
    let (mut queue, _) = DiskQueue::open(path, LogSync::Normal).unwrap();
    for event in ["{\"id\":\"1\"}", "{\"id\":\"2\"}", "{\"id\":\"3\"}"] {
        let (mut batch, value) = (EncodedBatch::default(), event.as_bytes());
        batch.push(None, Some(value), [("ce_id", "1")], 1_763_856_000_000);
        queue.write(&batch, &[]).unwrap();
    }
}
