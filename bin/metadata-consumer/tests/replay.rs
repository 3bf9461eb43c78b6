//! `metadata-consumer replay`, the real program, on Kafka and on an embedded log.
#![cfg(all(feature = "kafka", feature = "sqlite", feature = "stdout"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::{LONG, PROGRAM, Topic, rejected, said, stored, until_stored};
use user_metadata_testing::process::Program;
use user_metadata_testing::{kafka, require};

/// Runs each test twice.
macro_rules! on_both {
    ($($name:ident => $test:ident),* $(,)?) => {
        mod on_the_log {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$test(super::Topic::embedded()).await; })*
        }
        mod on_kafka {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let brokers = super::require!(super::kafka::shared());
                super::$test(super::Topic::on_kafka(brokers)).await;
            })*
        }
    };
}

on_both! {
    letters_of_a_sink_that_was_fixed_are_stored_exactly_once => fixed,
    a_replay_that_is_interrupted_goes_on => interrupted,
    a_letter_that_is_rejected_again_is_reported_and_comes_no_more => rejected_again,
    events_are_replayed_from_a_time_or_an_offset_to_the_end => from_a_time,
    a_running_consumer_notices_nothing => beside_a_consumer,
    a_dry_run_counts_and_changes_nothing => dry,
    what_does_not_belong_is_counted_apart => left_out,
    a_reader_of_the_pipe_that_has_had_enough_ends_a_replay_well => closed,
}

async fn fixed(topic: Topic) {
    topic
        .publish((0..200).map(|number| topic.record(number)))
        .await;
    topic.reject(190).await;
    let path = topic.scratch.file("users.sqlite");
    let sink = format!("sqlite:{path}");
    let other = format!("sqlite:{}?name=other", topic.scratch.file("other.sqlite"));

    let ended = topic.replay(&["--dead-letters", "--sink", &sink, "--sink", &other]);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert_eq!(stored(&path), rejected(0..200));
    assert!(
        stored(&topic.scratch.file("other.sqlite")).is_empty(),
        "letters of another sink"
    );

    // Each letter is replayed once, and new ones are.
    topic
        .publish((200..220).map(|number| topic.record(number)))
        .await;
    topic.reject(19).await;
    let ended = topic.replay(&["--dead-letters", "--sink", "stdout:?name=sqlite"]);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    let events = ended
        .stdout
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let numbers: BTreeSet<u64> = events
        .map(|event| event["username"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), rejected(200..220));
    let ended = topic.replay(&["--dead-letters", "--sink", "stdout:?name=sqlite"]);
    assert_eq!(
        (ended.code, ended.stdout.len()),
        (Some(0), 0),
        "{}",
        said(&ended)
    );
}

async fn interrupted(topic: Topic) {
    topic
        .publish((0..3_000).map(|number| topic.record(number)))
        .await;
    topic.reject(2_850).await;
    let path = topic.scratch.file("users.sqlite");
    let sink = format!("sqlite:{path}");
    let flags = ["--dead-letters", "--sink", &sink, "--batch-max-events", "4"];

    let running = topic.start(&["replay"], &flags);
    until_stored(&path, 100);
    drop(running.kill());
    let killed_at = stored(&path).len();
    assert!(
        killed_at < 2_000,
        "it has to be killed in the middle: {killed_at}"
    );
    let running = topic.start(&["replay"], &flags);
    until_stored(&path, killed_at + 100);
    let ended = running.stop();
    assert_eq!(ended.code, Some(1), "{}", said(&ended));
    assert!(
        said(&ended).contains("run the same command to continue"),
        "{}",
        said(&ended)
    );
    let stopped_at = stored(&path).len();
    assert!(stopped_at < 2_850, "it has to be stopped in the middle");

    let ended = topic.replay(&flags);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert_eq!(stored(&path), rejected(0..3_000));
    let last = ended
        .stderr
        .iter()
        .find(|line| line.contains("100 %: "))
        .unwrap();
    let done = last
        .split("100 %: ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    // Settled letters are not read again.
    assert_eq!(done.unwrap(), (2_850 - stopped_at).to_string(), "{last}");
}

async fn rejected_again(topic: Topic) {
    let mut poison = topic.record(1);
    poison.value = Some("no event".into());
    topic
        .publish([topic.record(0), poison, topic.record(2)])
        .await;
    topic.reject(2).await;
    let path = topic.scratch.file("users.sqlite");
    let sink = format!("sqlite:{path}");
    let ended = topic.replay(&["--dead-letters", "--sink", &sink]);
    let output = said(&ended);
    assert_eq!(ended.code, Some(1), "{output}");
    assert_eq!(stored(&path), [2]);
    let position = format!("{}-dlq[", topic.name);
    assert!(
        output.contains(&position) && output.contains("1 rejected again"),
        "{output}"
    );
    // It is not written to the topic again, so there is nothing left to do.
    let ended = topic.replay(&["--dead-letters", "--sink", &sink]);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert!(said(&ended).contains("0 of 0 records"), "{}", said(&ended));

    // As the message says, once the cause is fixed.
    assert!(output.contains("a new name as --group"), "{output}");
    let ended = topic.replay_as("again", &["--dead-letters", "--sink", &sink]);
    assert_eq!(ended.code, Some(1), "{}", said(&ended));
    let counts = "written=1 left_out=0 rejected=1";
    assert!(said(&ended).contains(counts), "{}", said(&ended));
}

async fn from_a_time(topic: Topic) {
    topic
        .publish((0..100).map(|number| topic.record(number)))
        .await;
    // One that is late, as after an outage of its server.
    topic
        .publish([topic.record(150), topic.record(50_000), topic.record(55)])
        .await;
    let replay = |flags: &[&str]| {
        let path = topic.scratch.file("users.sqlite");
        let sink = format!("sqlite:{path}");
        let ended = topic.replay(&[flags, &["--sink", &sink]].concat());
        assert_eq!(ended.code, Some(0), "{}", said(&ended));
        let numbers = stored(&path);
        std::fs::remove_file(&path).unwrap();
        numbers
    };
    let all: Vec<u64> = (0..100).chain([150, 50_000]).collect();
    assert_eq!(replay(&["--from", "earliest"]), all);
    let (from, until) = (topic.at(50).to_string(), topic.at(60).as_u64().to_string());
    let within: Vec<u64> = (50..60).collect();
    assert_eq!(replay(&["--from", &from, "--until", &until]), within);
    // One partition alone.
    let one = replay(&["--from-offset", "1:0", "--until-offset", "1:5"]);
    assert_eq!(one.len(), 5);
    let rest = replay(&["--from-offset", "1:5"]);
    assert!(
        rest.iter().all(|number| !one.contains(number)),
        "{one:?} {rest:?}"
    );

    let ended = topic.replay(&["--from-offset", "7:0"]);
    let output = said(&ended);
    assert_eq!(ended.code, Some(2), "{output}");
    assert!(
        output.contains("has no partition 7; it has 0 to 2"),
        "{output}"
    );
}

async fn beside_a_consumer(topic: Topic) {
    topic
        .publish((0..50).map(|number| topic.record(number)))
        .await;
    let group = format!("{}.running", topic.name);
    let path = topic.scratch.file("running.sqlite");
    let sink = format!("sqlite:{path}?name=running");
    let running = topic.start(&["run", "--listen", "127.0.0.1:0"], &["--sink", &sink]);
    until_stored(&path, 50);
    let settled =
        |positions: &std::collections::BTreeMap<u32, u64>| positions.values().sum::<u64>() == 50;
    let all_settled = async {
        loop {
            let positions = topic.positions(&group).await;
            if settled(&positions) {
                break positions;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let before = tokio::time::timeout(LONG, all_settled).await.unwrap();
    // The same sink, by the same name.
    let copy = format!("sqlite:{}?name=running", topic.scratch.file("copy.sqlite"));
    for flags in [&["--from", "earliest"][..], &["--dead-letters"]] {
        let ended = topic.replay(&[flags, &["--sink", &copy]].concat());
        assert_eq!(ended.code, Some(0), "{}", said(&ended));
    }
    assert_eq!(stored(&topic.scratch.file("copy.sqlite")).len(), 50);
    assert_eq!(topic.positions(&group).await, before);
    topic
        .publish((50..60).map(|number| topic.record(number)))
        .await;
    until_stored(&path, 60);
    let ended = running.stop();
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert!(
        said(&ended).contains("written=60"),
        "nothing came twice: {}",
        said(&ended)
    );
}

async fn dry(topic: Topic) {
    topic
        .publish((0..200).map(|number| topic.record(number)))
        .await;
    topic.reject(190).await;
    let ended = topic.replay(&[
        "--dead-letters",
        "--dry-run",
        "--sink",
        "sqlite:users.sqlite",
    ]);
    let output = ended.stdout.join("\n");
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    let line = "sink sqlite: 190 letters, 190 to replay: no room for it";
    assert!(output.contains(line), "{output}");
    assert!(
        output.ends_with("would write 190 letters to sqlite"),
        "{output}"
    );
    let time = topic.at(100).to_string();
    let ended = topic.replay(&["--from", &time, "--dry-run"]);
    let output = ended.stdout.join("\n");
    assert!(
        output.contains("would write 100 events to stdout"),
        "{output}"
    );
    assert!(output.contains(&topic.at(199).to_string()), "{output}");
    // Nothing has been done.
    assert!(!topic.scratch.path().join("users.sqlite").exists());
    assert!(!topic.scratch.path().join("data/dlq/groups").exists());
    let ended = topic.replay(&[
        "--dead-letters",
        "--dry-run",
        "--sink",
        "sqlite:users.sqlite",
    ]);
    assert!(ended.stdout.join("\n").contains(line));
}

async fn left_out(topic: Topic) {
    topic
        .publish((0..20).map(|number| topic.record(number)))
        .await;
    let ended = topic.replay(&["--from", "earliest", "--until", "2000-01-01T00:00:00Z"]);
    let output = said(&ended);
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), 0), "{output}");
    let counts = "written=0 left_out=20 rejected=0";
    assert!(output.contains(counts), "{output}");
}

async fn closed(topic: Topic) {
    topic
        .publish((0..2_000).map(|number| topic.record(number)))
        .await;
    let flags = topic.flags().join(" ");
    let replay = format!("{PROGRAM} replay --from earliest --batch-max-events 100 {flags}");
    let script = format!("set -o pipefail; {replay} | head -n 2");
    let program = Program::new("bash").args(["-c", &script]);
    let ended = program.start().unwrap().wait();
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert_eq!(ended.stdout.len(), 2);
    assert!(!said(&ended).contains("--from-offset"), "{}", said(&ended));
}

#[test]
fn without_saying_what_nothing_is_replayed() {
    let topic = Topic::embedded();
    for (flags, remedy) in [
        (&["--sink", "stdout:"][..], "--dead-letters"),
        (&["--from", "latest"], "a time in the past"),
        (
            &["--dead-letters", "--from", "earliest"],
            "cannot be used with",
        ),
        (&["--from-offset", "0"], "0:1200,2:17"),
        (&["--from", "earliest"], "nothing was ever published"),
    ] {
        let ended = topic.replay(flags);
        let output = said(&ended);
        assert_eq!(ended.code, Some(2), "{flags:?}: {output}");
        assert!(output.contains(remedy), "{flags:?}: {output}");
    }
    let ended = topic.replay(&["--dead-letters"]);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert!(said(&ended).contains("there are no dead letters"));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_kafka_is_away_a_replay_waits_and_then_goes_on() {
    let mut broker = require!(kafka::Broker::start());
    let topic = Topic::on_kafka(broker.address());
    // More than one fetch returns.
    let all = 0..12_000;
    for first in all.clone().step_by(2_000) {
        let numbers = first..first + 2_000;
        topic
            .publish(numbers.map(|number| topic.record(number)))
            .await;
    }
    let path = topic.scratch.file("users.sqlite");
    let sink = format!("sqlite:{path}");
    let flags = ["--from", "earliest", "--sink", &sink];
    let running = topic.start(
        &["replay"],
        &[&flags[..], &["--batch-max-events", "4"]].concat(),
    );
    until_stored(&path, 50);
    broker.kill();
    drop(running.stderr().wait_for("can't read from Kafka; waiting"));
    assert!(
        stored(&path).len() < all.clone().count(),
        "it has to be in the middle"
    );
    broker.restart();
    let ended = running.wait();
    let output = said(&ended);
    assert_eq!(ended.code, Some(0), "{output}");
    assert_eq!(stored(&path), all.collect::<Vec<_>>());
    assert!(output.contains("reading from Kafka again"), "{output}");
    assert_eq!(
        output.matches(" WARN ").count(),
        1,
        "one incident: {output}"
    );

    // A replay that starts while Kafka is down says so, and ends.
    broker.kill();
    let ended = topic.replay(&flags);
    assert_eq!(ended.code, Some(1), "{}", said(&ended));
    assert!(said(&ended).contains("Kafka"), "{}", said(&ended));
}
