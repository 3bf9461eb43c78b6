//! What may depend on what: the edges between our crates, and `deny.toml` as `cargo deny check bans
//! licenses sources` checks it, without having to install it.
#![allow(clippy::unwrap_used)] // helpers

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which of our crates may depend on which, except in tests.
const ALLOWED: [(&str, &[&str]); 17] = [
    ("user-metadata-events", &[]),
    ("user-metadata-ua", &[]),
    ("user-metadata-kafka", &[]),
    ("user-metadata-log", &[]),
    ("user-metadata-capture", &["events", "ua"]),
    ("user-metadata-publisher", &["events", "kafka", "log"]),
    ("user-metadata-ws", &["events", "capture", "publisher"]),
    ("user-metadata-consumer", &["events", "kafka", "log"]),
    ("user-metadata-sinks", &["events", "consumer"]),
    ("user-metadata-cli", &["kafka"]),
    ("user-metadata-testing", &["events", "log"]),
    (
        "user-metadata-bench",
        &["events", "kafka", "log", "publisher", "testing"],
    ),
    ("user-metadata-faults", &["testing"]),
    ("user-metadata-soak", &["events", "kafka", "testing"]),
    (
        "ws-server",
        &[
            "events",
            "ua",
            "capture",
            "kafka",
            "log",
            "publisher",
            "ws",
            "cli",
        ],
    ),
    (
        "metadata-consumer",
        &["events", "kafka", "log", "consumer", "sinks", "cli"],
    ),
    ("xtask", &["testing"]),
];

/// Crates that must not be in the dependency tree of a build, not even indirectly.
const NEVER_BROUGHT: [(&[&str], &[&str]); 4] = [
    // Capture opens no socket and needs no Kafka client.
    (
        &["-p", "user-metadata-capture"],
        &["tokio", "rskafka", "krafka"],
    ),
    (
        &["-p", "user-metadata-sinks", "--all-features"],
        &["rskafka", "krafka", "user-metadata-kafka"],
    ),
    (
        &["-p", "user-metadata-events", "--all-features"],
        &["tokio"],
    ),
    (&["-p", "user-metadata-ua", "--all-features"], &["tokio"]),
];

#[test]
fn our_crates_use_only_the_crates_that_the_design_allows() {
    let metadata = metadata();
    let members = members(&metadata);
    for package in &members {
        let name = text(&package["name"]);
        let allowed: BTreeSet<String> = ALLOWED
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("{name} is new: add to ALLOWED what it may depend on"))
            .1
            .iter()
            .map(|short| format!("user-metadata-{short}"))
            .collect();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = text(&dependency["name"]);
            let ours = members.iter().any(|member| text(&member["name"]) == used);
            let in_tests = dependency["kind"] == "dev";
            assert!(
                !ours || in_tests || allowed.contains(used),
                "{name} must not use {used}"
            );
            assert!(
                !(name == "user-metadata-publisher" && used == "user-metadata-consumer"
                    || name == "user-metadata-consumer" && used == "user-metadata-publisher"),
                "publisher and consumer don't know each other, not even in tests"
            );
            assert!(
                name != "user-metadata-sinks"
                    || used != "user-metadata-consumer"
                    || in_tests
                    || dependency["uses_default_features"] == false,
                "sinks use the trait alone: consumer without its default features"
            );
        }
    }
}

#[test]
fn what_a_crate_brings_along_has_no_socket_and_no_kafka_client_where_the_design_says_so() {
    for (selection, never) in NEVER_BROUGHT {
        let brought = cargo(
            &[
                &["tree", "--edges", "normal", "--prefix", "none", "--quiet"],
                selection,
            ]
            .concat(),
        );
        let brought: BTreeSet<&str> = brought
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(brought.len() > 3, "cargo tree {selection:?}: {brought:?}");
        for name in never {
            assert!(
                !brought.contains(name),
                "{selection:?} must not bring {name}"
            );
        }
    }
}

#[test]
fn no_banned_crate_is_in_the_graph_and_secrets_are_used_by_their_keepers_only() {
    let metadata = metadata();
    let names = names(&metadata);
    let deny = deny();
    let bans = deny["bans"]["deny"].as_array().unwrap();
    for ban in bans {
        let banned = ban["crate"].as_str().unwrap();
        let wrappers: Vec<&str> = ban.get("wrappers").map_or_else(Vec::new, |list| {
            let list = list.as_array().unwrap();
            list.iter().map(|name| name.as_str().unwrap()).collect()
        });
        for node in metadata["resolve"]["nodes"].as_array().unwrap() {
            let user = names[text(&node["id"])];
            let uses = node["deps"]
                .as_array()
                .unwrap()
                .iter()
                .any(|dependency| names[text(&dependency["pkg"])] == banned);
            assert!(
                !uses || wrappers.contains(&user),
                "{user} must not use {banned}: {}",
                ban["reason"].as_str().unwrap()
            );
        }
    }
}

#[test]
fn every_crate_has_an_allowed_licence_and_comes_from_crates_io() {
    let metadata = metadata();
    let deny = deny();
    let licensees = |list: &toml::Value| -> Vec<spdx::Licensee> {
        let licences = list.as_array().unwrap().iter();
        licences
            .map(|licence| spdx::Licensee::parse(licence.as_str().unwrap()).unwrap())
            .collect()
    };
    let allowed = licensees(&deny["licenses"]["allow"]);
    let exceptions = deny["licenses"]["exceptions"].as_array().unwrap();
    let registries: Vec<String> = deny["sources"]["allow-registry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|registry| format!("registry+{}", registry.as_str().unwrap()))
        .collect();
    for package in metadata["packages"].as_array().unwrap() {
        let name = text(&package["name"]);
        let licence = package["license"].as_str();
        let licence = licence.unwrap_or_else(|| panic!("{name} names no licence"));
        // Old manifests write a slash for OR.
        let parsed = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX).unwrap();
        let exceptions = exceptions
            .iter()
            .filter(|e| e["crate"].as_str() == Some(name));
        let mut allowed = allowed.clone();
        allowed.extend(exceptions.flat_map(|exception| licensees(&exception["allow"])));
        let is_allowed =
            parsed.evaluate(|required| allowed.iter().any(|licensee| licensee.satisfies(required)));
        assert!(is_allowed, "{name} is under {licence}");
        if let Some(source) = package["source"].as_str() {
            assert!(
                registries.iter().any(|registry| registry == source),
                "{name} comes from {source}"
            );
        }
    }
}

/// The whole graph with all features; fails if `Cargo.lock` is out of date.
fn metadata() -> Value {
    let json = cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--all-features",
        "--locked",
    ]);
    serde_json::from_str(&json).unwrap()
}

fn members(metadata: &Value) -> Vec<&Value> {
    let ids = metadata["workspace_members"].as_array().unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .filter(|package| ids.contains(&package["id"]))
        .collect()
}

fn names(metadata: &Value) -> BTreeMap<&str, &str> {
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| (text(&package["id"]), text(&package["name"])))
        .collect()
}

fn deny() -> toml::Table {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../deny.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo {arguments:?} failed: {complaint}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// These are built with `--locked`, and not in CI, so an outdated lock file would go unnoticed.
#[test]
fn lock_files_of_workspaces_beside_this_one_are_up_to_date() {
    for folder in ["user-metadata-bench/peers", "user-metadata-ua/fuzz"] {
        let path = format!("{}/../crates/{folder}", env!("CARGO_MANIFEST_DIR"));
        let looked = Command::new(env!("CARGO"))
            .args(["update", "--workspace", "--locked"])
            .current_dir(path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&looked.stderr);
        assert!(
            looked.status.success(),
            "run `cargo update --workspace` in crates/{folder}: {said}"
        );
    }
}
