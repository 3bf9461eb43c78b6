//! `docker-compose.dev.yml` as a compose parser understands it; nothing is pulled or started.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use user_metadata_testing::{Missing, require, tool};

/// The parser's own rendering of the file, without the quotes that some versions write.
fn parsed() -> Result<String, Missing> {
    let plugin = Command::new("docker").args(["compose", "version"]).output();
    let mut compose = if plugin.is_ok_and(|answer| answer.status.success()) {
        let mut docker = Command::new("docker");
        docker.arg("compose");
        docker
    } else {
        Command::new(tool("docker-compose", "install Docker's compose")?)
    };
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docker-compose.dev.yml");
    let output = compose
        .args(["--file", file, "--profile", "app", "config"])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    let rendered = String::from_utf8(output.stdout).unwrap();
    Ok(rendered.replace(['"', '\''], ""))
}

#[test]
fn the_compose_file_is_understood_and_says_what_the_readme_promises() {
    let parsed = require!(parsed());
    let lines: Vec<&str> = parsed.lines().map(str::trim).collect();
    for line in [
        "KAFKA_ADVERTISED_LISTENERS: HOST://localhost:9092,INSIDE://kafka:29092",
        "KAFKA_NUM_PARTITIONS: 3",
        "KAFKA_PROCESS_ROLES: broker,controller",
        "kafka:",
        "redis:",
        "postgres:",
        // The programs are built from this repository, and only with their profile.
        "ws-server:",
        "metadata-consumer:",
        "USER_METADATA_BROKERS: kafka:29092",
        "condition: service_healthy",
    ] {
        assert!(lines.contains(&line), "no {line:?} in\n{parsed}");
    }
    let starts = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(starts("image:"), 3);
    assert_eq!(starts("healthcheck:"), 3);
    assert_eq!(starts("build:"), 2);
    assert_eq!(starts("profiles:"), 2);
    let images = lines.iter().filter_map(|line| line.strip_prefix("image: "));
    for image in images {
        let tag = image.split_once(':').map_or("", |(_, tag)| tag);
        assert!(
            tag.starts_with(|first: char| first.is_ascii_digit()),
            "{image} is not pinned"
        );
    }
}
