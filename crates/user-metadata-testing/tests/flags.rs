//! An invalid flag ends the program with 2 before a port is bound, and the message names the flag
//! and says how to fix it.
#![allow(clippy::unwrap_used)]

use std::net::TcpListener;

use user_metadata_testing::Scratch;
use user_metadata_testing::process::{Ended, Program};

/// A Kafka that is never contacted: nothing is sent before all flags are checked.
const KAFKA: [&str; 2] = ["--brokers", "127.0.0.1:1"];

/// Flags in addition to [`KAFKA`], the flag that is named, and a word of the remedy.
const BAD_OF_KAFKA: [(&[&str], &str, &str); 12] = [
    (&["--kafka-ca", "/dev/null"], "--kafka-ca", "--kafka-tls"),
    (
        &["--kafka-tls", "--kafka-ca", "/dev/null"],
        "--kafka-ca",
        "PEM",
    ),
    (
        &["--kafka-tls", "--kafka-ca", "no-such-file"],
        "--kafka-ca",
        "can be read",
    ),
    (
        &["--kafka-cert", "/dev/null"],
        "--kafka-cert",
        "--kafka-tls",
    ),
    (
        &["--kafka-tls", "--kafka-cert", "/dev/null"],
        "--kafka-cert",
        "--kafka-key",
    ),
    (
        &["--kafka-tls", "--kafka-key", "/dev/null"],
        "--kafka-key",
        "--kafka-cert",
    ),
    (&["--kafka-sasl", "gssapi"], "--kafka-sasl", "scram-sha-512"),
    (
        &["--kafka-sasl", "scram-sha-512"],
        "--kafka-sasl",
        "--kafka-username",
    ),
    (
        &["--kafka-sasl", "plain", "--kafka-username", "app"],
        "--kafka-sasl",
        "--kafka-password-file",
    ),
    (
        &["--kafka-username", "app"],
        "--kafka-username",
        "--kafka-sasl",
    ),
    (
        &["--kafka-password-file", "/dev/null"],
        "--kafka-password-file",
        "--kafka-sasl",
    ),
    (
        &[
            "--kafka-sasl",
            "plain",
            "--kafka-username",
            "app",
            "--kafka-password-file",
            "no-such-file",
        ],
        "--kafka-password-file",
        "can be read",
    ),
];

/// Program, flags, the flag that is named, and a word of the remedy.
const BAD: [(&str, &[&str], &str, &str); 23] = [
    (
        "ws-server",
        &["--brokers", "kafka"],
        "--brokers",
        "kafka-1:9092",
    ),
    (
        "ws-server",
        &["--partitions", "0"],
        "--partitions",
        "at least 1",
    ),
    ("ws-server", &["--linger", "5"], "--linger", "500ms"),
    (
        "ws-server",
        &["--join-timeout", "0s"],
        "--join-timeout",
        "longer than 0",
    ),
    (
        "ws-server",
        &["--outbox-max-bytes", "64MB"],
        "--outbox-max-bytes",
        "MiB",
    ),
    (
        "ws-server",
        &["--trusted-proxy", "10.0.0"],
        "--trusted-proxy",
        "10.0.0.0/8",
    ),
    (
        "ws-server",
        &["--client-ip-header", "forwarded"],
        "--client-ip-header",
        "--trusted-proxy",
    ),
    (
        "ws-server",
        &["--ip-privacy", "hash"],
        "--ip-privacy",
        "--ip-hash-key-file",
    ),
    (
        "ws-server",
        &["--ip-hash-key-file", "/no/file", "--ip-privacy", "hash"],
        "--ip-hash-key-file",
        "",
    ),
    (
        "ws-server",
        &["--allowed-origin", "example.com"],
        "--allowed-origin",
        "https://",
    ),
    (
        "ws-server",
        &["--listne", "127.0.0.1:1"],
        "--listne",
        "--listen",
    ),
    (
        "metadata-consumer",
        &["--brokers", "kafka"],
        "--brokers",
        "kafka-1:9092",
    ),
    (
        "metadata-consumer",
        &["--sink", "mysql:x"],
        "--sink",
        "sqlite:",
    ),
    (
        "metadata-consumer",
        &["--sink", "stdout: stdout:"],
        "--sink",
        "?name=",
    ),
    (
        "metadata-consumer",
        &["--sink", "sqlite:x?ip=half"],
        "--sink",
        "truncate",
    ),
    (
        "metadata-consumer",
        &["--from", "yesterday"],
        "--from",
        "earliest",
    ),
    ("metadata-consumer", &["--group", ""], "--group", "required"),
    (
        "metadata-consumer",
        &["--group-instance-id", "pod-1"],
        "--group-instance-id",
        "--brokers",
    ),
    (
        "metadata-consumer",
        &["--group-protocol", "consumer"],
        "--group-protocol",
        "--brokers",
    ),
    (
        "metadata-consumer",
        &["--session-timeout", "30s"],
        "--session-timeout",
        "--brokers",
    ),
    (
        "metadata-consumer",
        &["--brokers", "127.0.0.1:1", "--group-protocol", "kip-848"],
        "--group-protocol",
        "classic",
    ),
    (
        "metadata-consumer",
        &["--brokers", "127.0.0.1:1", "--group-instance-id", "pod 1"],
        "--group-instance-id",
        "letters, digits",
    ),
    (
        "metadata-consumer",
        &["--batch-max-wait", "1"],
        "--batch-max-wait",
        "500ms",
    ),
];

/// Runs a program while its ports are taken.
fn run(program: &str, flags: &[&str], taken: &str) -> Ended {
    let scratch = Scratch::new("flags");
    let mut program_flags = vec!["--listen", taken];
    if program == "ws-server" {
        program_flags.extend(["--admin-listen", taken]);
    }
    let data = scratch.file("data");
    if !flags.contains(&"--brokers") {
        program_flags.extend(["--data-dir", &data]);
    }
    program_flags.extend(flags);
    Program::built(program)
        .args(program_flags)
        .current_dir(scratch.path())
        .start()
        .unwrap()
        .wait()
}

#[test]
fn a_bad_flag_ends_with_2_and_is_named_with_its_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let mut wrong = Vec::new();
    let bad = BAD.map(|(program, flags, named, remedy)| (program, flags.to_vec(), named, remedy));
    let of_kafka = BAD_OF_KAFKA.iter().flat_map(|(flags, named, remedy)| {
        let flags = [&KAFKA, *flags].concat();
        ["ws-server", "metadata-consumer"].map(|program| (program, flags.clone(), *named, *remedy))
    });
    let without = ["--kafka-tls"].map(|flag| ("ws-server", vec![flag], flag, "--brokers"));
    for (program, flags, named, remedy) in bad.into_iter().chain(of_kafka).chain(without) {
        let ended = run(program, &flags, &taken);
        let said = ended.stderr.join("\n");
        // If a port were bound first, the program would end with 1.
        if ended.code != Some(2) || !said.contains(named) || !said.contains(remedy) {
            wrong.push(format!("{program} {flags:?}: {:?}\n{said}", ended.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_port_that_is_taken_ends_with_1_and_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for program in ["ws-server", "metadata-consumer"] {
        let ended = run(program, &[], &taken);
        let said = ended.stderr.join("\n");
        assert_eq!(ended.code, Some(1), "{program}: {said}");
        assert!(said.contains(&taken), "{program}: {said}");
    }
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for (name, own) in [
        ("ws-server", "WS_SERVER"),
        ("metadata-consumer", "METADATA_CONSUMER"),
    ] {
        let scratch = Scratch::new("flags");
        let mut program = Program::built(name)
            .env(&format!("{own}_LISTEN"), &taken)
            .current_dir(scratch.path());
        let shared = ["BROKERS", "TOPIC", "KAFKA_TLS", "KAFKA_SASL", "LOG_FORMAT"];
        for variable in shared.map(|variable| format!("USER_METADATA_{variable}")) {
            program = program.env(&variable, "");
        }
        for variable in ["SINK", "CONFIG", "FROM", "OUTBOX", "ALLOWED_ORIGIN"] {
            program = program.env(&format!("{own}_{variable}"), "");
        }
        let ended = program.start().unwrap().wait();
        let said = ended.stderr.join("\n");
        // A port is bound only after all flags are checked.
        assert_eq!(ended.code, Some(1), "{name}: {said}");
        assert!(said.contains(&taken), "{name}: {said}");
    }
}

#[test]
fn help_shows_no_password_of_the_environment() {
    for command in [&["--help"][..], &["run", "--help"], &["replay", "--help"]] {
        let ended = Program::built("metadata-consumer")
            .args(command)
            .env("METADATA_CONSUMER_SINK", "redis://:hunter2@localhost")
            .start()
            .unwrap()
            .wait();
        let shown = ended.stdout.join("\n");
        assert!(shown.contains("METADATA_CONSUMER_SINK"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn an_outbox_that_is_not_there_is_named_with_the_flag_that_names_it() {
    let scratch = Scratch::new("flags");
    for flag in ["--data-dir", "--file"] {
        let ended = Program::built("ws-server")
            .args(["outbox", "replay", flag, &scratch.file("none")])
            .args(KAFKA)
            .start()
            .unwrap()
            .wait();
        let said = ended.stderr.join("\n");
        assert_eq!(ended.code, Some(2), "{said}");
        assert!(said.contains(&format!("{flag}: ")), "{said}");
    }
}
