//! The progress of a replay: a bar on a terminal, lines in a pipe.
#![cfg(all(feature = "kafka", feature = "sqlite", feature = "stdout"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use rusqlite::Connection;
use support::{LONG, PROGRAM, Topic, said};
use user_metadata_testing::process::Program;
use user_metadata_testing::{require, tool, until};

#[tokio::test(flavor = "multi_thread")]
async fn in_a_pipe_a_line_is_logged_every_five_seconds_and_at_the_end() {
    let topic = Topic::embedded();
    topic
        .publish((0..100).map(|number| topic.record(number)))
        .await;
    let path = topic.scratch.file("users.sqlite");
    let sink = format!("sqlite:{path}");
    let flags = ["--from", "earliest", "--sink", &sink];
    let ended = topic.replay(&flags);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    // While somebody else has locked the database, the sink makes no progress.
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let running = topic.start(&["replay"], &flags);
    let output = || {
        let lines = running.stderr().so_far();
        let lines = lines
            .iter()
            .filter(|line| line.contains("0 %: 0 of 100 records"));
        lines.count()
    };
    until("two lines", LONG, || (output() >= 2).then_some(()));
    connection.execute_batch("ROLLBACK").unwrap();
    let ended = running.wait();
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    let last = "100 %: 100 of 100 records";
    assert!(said(&ended).contains(last), "{}", said(&ended));
    assert!(!said(&ended).contains('\r'), "{}", said(&ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_a_bar_is_drawn() {
    let script = require!(tool("script", "install util-linux"));
    let topic = Topic::embedded();
    topic
        .publish((0..100).map(|number| topic.record(number)))
        .await;
    let sink = format!("sqlite:{}", topic.scratch.file("users.sqlite"));
    let mut words = vec![PROGRAM.to_owned(), "replay".to_owned()];
    words.extend(topic.flags());
    words.extend(["--from", "earliest", "--sink", &sink].map(ToOwned::to_owned));
    let command = words.join(" ");
    let ended = Program::new(script)
        .args(["-q", "-e", "-c", &command, "/dev/null"])
        .start()
        .unwrap()
        .wait();
    let shown = ended.stdout.join("\n");
    assert_eq!(ended.code, Some(0), "{shown}");
    assert!(shown.contains("100 % 100/100"), "{shown}");
    assert!(
        shown.contains('\r') || shown.contains('\u{1b}'),
        "a bar is drawn over itself: {shown}"
    );
}
