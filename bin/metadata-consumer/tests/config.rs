//! `--config` and `check-config`, with the real program.
#![cfg(all(feature = "kafka", feature = "sqlite", feature = "stdout"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

#[cfg(feature = "ga4")]
use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use support::{PROGRAM, Topic, said};
use user_metadata_testing::process::{Ended, Program};
use user_metadata_testing::{Port, Scratch, kafka, require};

/// Runs the program in a folder with this file as `consumer.toml`.
fn run(scratch: &Scratch, file: &str, words: &[&str], environment: &[(&str, &str)]) -> Ended {
    std::fs::write(scratch.path().join("consumer.toml"), file).unwrap();
    let program = Program::new(PROGRAM)
        .args(words)
        .args(["--config", "consumer.toml"])
        .current_dir(scratch.path());
    let program = environment
        .iter()
        .fold(program, |program, (name, value)| program.env(name, value));
    program.start().unwrap().wait()
}

/// A file, the line that is named, and words of the remedy.
const BAD: [(&str, usize, &str); 19] = [
    (
        "topic = \"t\"\nlisten = ",
        2,
        "string values must be quoted",
    ),
    (
        "topci = \"t\"",
        1,
        "unknown setting `topci`; did you mean `topic`?",
    ),
    (
        "kafka-password = \"x\"",
        1,
        "did you mean `kafka-password-file`?",
    ),
    ("sinks = \"stdout:\"", 1, "did you mean `sink`?"),
    ("zzz = 1", 1, "--help"),
    ("config = \"other.toml\"", 1, "unknown setting `config`"),
    (
        "\n\npartitions = \"many\"",
        3,
        "invalid value 'many' for '--partitions <N>'",
    ),
    (
        "partitions = true",
        1,
        "`partitions` must be a string or a number",
    ),
    (
        "partitions = [1]",
        1,
        "`partitions` must be a string or a number",
    ),
    (
        "kafka-tls = \"yes\"",
        1,
        "`kafka-tls` must be true or false",
    ),
    (
        "brokers = [[\"a:1\"]]",
        1,
        "`brokers` must be a list of strings",
    ),
    ("batch-max-wait = 200", 1, "500ms"),
    ("log-format = \"xml\"", 1, "text, json"),
    ("sink = \"stdout:\"", 1, "[[sink]]"),
    ("[[sink]]\nname = \"a\"", 1, "url = "),
    (
        "[[sink]]\nurl = \"sqlite:a\"\nipp = \"none\"",
        3,
        "no option `ipp`; it takes `name`",
    ),
    (
        "[[sink]]\nurl = \"sqlite:a\"\nip = \"half\"",
        3,
        "`truncate`",
    ),
    (
        "[[sink]]\nurl = \"sqlite:a\"\nip = [1]",
        3,
        "must be a string",
    ),
    ("[[sink]]\nurl = \"mysql:a\"", 2, "`sqlite:PATH`"),
];

#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    let scratch = Scratch::new("config");
    for (file, line, words) in BAD {
        let ended = run(&scratch, file, &["run"], &[]);
        let output = said(&ended);
        assert_eq!(ended.code, Some(2), "{file}: {output}");
        assert!(
            output.contains(&format!("consumer.toml:{line}: ")),
            "{file}: {output}"
        );
        assert!(output.contains(words), "{file}: {output}");
    }
    let ended = run(
        &scratch,
        "topci = 1\n[[sink]]\nurl = \"x\"",
        &["check-config"],
        &[],
    );
    assert_eq!(ended.code, Some(2));
    let wrong = ended
        .stdout
        .iter()
        .filter(|line| line.starts_with("error config: consumer.toml:"));
    assert_eq!(wrong.count(), 2, "{:?}", ended.stdout);

    let missing = Program::new(PROGRAM)
        .args(["--config", "/no/such/file"])
        .start();
    let missing = missing.unwrap().wait();
    assert_eq!(missing.code, Some(2));
    assert!(said(&missing).contains("--config"), "{}", said(&missing));
}

#[test]
fn a_flag_comes_before_the_environment_and_that_before_the_file() {
    let scratch = Scratch::new("config");
    let file = "data-dir = \"of-file\"\ngroup = \"of-file\"\nfrom = 2026-11-24T08:00:00Z\n\
                [[sink]]\nurl = \"sqlite:of file.sqlite\"\nname = \"kept\"\n\
                sessions = true\nusers = false\n";
    let checked = |words: &[&str], environment: &[(&str, &str)]| {
        let ended = run(
            &scratch,
            file,
            &[&["check-config"], words].concat(),
            environment,
        );
        assert_eq!(ended.code, Some(0), "{:?} {}", ended.stdout, said(&ended));
        ended.stdout.join("\n")
    };
    let output = checked(&[], &[]);
    for line in [
        "ok sink kept: ready; a start would create the file and its tables",
        "ok folder of-file: does not exist yet; it can be created",
        "ok topic user-metadata: does not exist yet; the consumer waits for it",
        "ok group of-file.kept: new; no position yet",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    let names = std::fs::read_dir(scratch.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["consumer.toml"], "nothing is made");
    let environment = [
        ("METADATA_CONSUMER_GROUP", "of-env"),
        ("METADATA_CONSUMER_SINK", "stdout:"),
    ];
    let output = checked(&["--data-dir", "of-flag"], &environment);
    assert!(output.contains("ok folder of-flag:"), "{output}");
    assert!(output.contains("ok group of-env.stdout:"), "{output}");
    // A replay uses the settings that it has.
    let ended = run(&scratch, file, &["replay", "--dead-letters"], &[]);
    assert_eq!(ended.code, Some(0), "{}", said(&ended));
    assert!(
        said(&ended).contains("the embedded log in of-file"),
        "{}",
        said(&ended)
    );
}

#[test]
fn everything_that_is_wrong_is_reported() {
    let scratch = Scratch::new("config");
    std::fs::write(scratch.path().join("taken"), "no folder").unwrap();
    let port = Port::free().to_string();
    let sinks = "stdout: sqlite:taken/a.sqlite sqlite:ok.sqlite?name=ok mysql:x stdout:";
    let words = ["check-config", "--brokers", &port, "--sink", sinks];
    let ended = run(&scratch, "", &words, &[]);
    let output = ended.stdout.join("\n");
    assert_eq!(ended.code, Some(2), "{output}");
    for line in [
        "ok sink stdout: ready",
        "error sink sqlite: ",
        "ok sink ok: ready",
        "error sink: there is no sink `mysql:`",
        "error sink stdout: two sinks are named stdout",
        &format!("error Kafka at {port}: "),
        "check the brokers' names, and that they run",
    ] {
        assert!(output.contains(line), "{line}: {output}");
    }
    assert!(said(&ended).contains("4 checks failed"), "{}", said(&ended));
}

#[cfg(feature = "ga4")]
#[test]
fn a_sink_goes_through_the_proxy_of_the_environment() {
    let scratch = Scratch::new("config");
    std::fs::write(scratch.path().join("key"), "swordfish").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let refusing = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let answer = b"HTTP/1.1 403 Forbidden\r\n\r\n";
        stream.write_all(answer).unwrap();
        head
    });
    let words = ["check-config", "--sink", "ga4:G-1A2B3C4D5E?token-file=key"];
    let address = format!("http://{proxy}");
    let environment = [("HTTPS_PROXY", &*address), ("NO_PROXY", "")];
    let ended = run(&scratch, "", &words, &environment);
    let output = ended.stdout.join("\n");
    assert_eq!(ended.code, Some(2), "{output}");
    let named = format!("the proxy http://{proxy} (HTTPS_PROXY) gives no way through");
    assert!(output.contains(&named), "{output}");
    let head = refusing.join().unwrap();
    assert_eq!(head[0], "CONNECT www.google-analytics.com:443 HTTP/1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_is_asked_for_topics_and_groups_and_nothing_is_made() {
    let brokers = require!(kafka::shared());
    let topic = Topic::on_kafka(brokers.clone());
    let check = |flags: &[&str]| topic.start(&["check-config"], flags).wait();
    let letters = format!("{}-dlq", topic.name);
    let ended = check(&[]);
    let output = ended.stdout.join("\n");
    assert_eq!(ended.code, Some(0), "{output}");
    let line = format!(
        "ok topic {}: does not exist yet; it can be created",
        topic.name
    );
    assert!(output.contains(&line), "{output}");
    assert_eq!(require!(kafka::partitions(&brokers, &topic.name)), None);

    topic
        .publish((0..40).map(|number| topic.record(number)))
        .await;
    topic.reject(38).await;
    let ended = check(&["--sink", "sqlite:users.sqlite"]);
    let output = ended.stdout.join("\n");
    for line in [
        format!("ok topic {}: exists, with 3 partitions", topic.name),
        format!("ok topic {letters}: exists, with 3 partitions"),
        format!(
            "ok group {}.sqlite: has positions in 3 partitions",
            topic.name
        ),
    ] {
        assert!(output.contains(&line), "{line}: {output}");
    }
    // One broker can't have two replicas.
    let words = ["check-config", "--brokers", &brokers, "--topic", "another"];
    let words = [&words[..], &["--replication-factor", "2"]].concat();
    let ended = run(&topic.scratch, "", &words, &[]);
    let output = ended.stdout.join("\n");
    assert_eq!(ended.code, Some(2), "{output}");
    assert!(output.contains("error topic another: "), "{output}");
}

#[test]
fn the_example_is_read_and_names_every_sort_of_setting() {
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/metadata-consumer.toml"
    );
    let example = std::fs::read_to_string(example).unwrap();
    // As it is, and with everything that is commented out.
    let whole = example.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting)
            if setting
                .split_once(" = ")
                .is_some_and(|(name, _)| !name.contains(' ')) =>
        {
            setting
        }
        _ => line,
    });
    let whole = whole.collect::<Vec<_>>().join("\n");
    assert!(whole.contains("\nkafka-tls = true"));
    let scratch = Scratch::new("config");
    for file in [&example, &whole] {
        // The files that it names don't exist, but all of it is valid.
        let words = ["run", "--brokers", "not-a-broker"];
        let ended = run(&scratch, file, &words, &[]);
        let output = said(&ended);
        assert_eq!(ended.code, Some(2), "{output}");
        assert!(output.contains("--brokers: `not-a-broker`"), "{output}");
    }
}
