//! `deploy/`, the Dockerfile and the compose file only mention metrics, flags, ports and timeouts
//! that the programs have. Nothing is built or started.
#![allow(clippy::unwrap_used)] // helpers

mod addresses;
mod files;

use std::collections::BTreeSet;
use std::path::Path;

use files::{files, one, read, shipped, sources};
use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::Value;
use user_metadata_testing::workspace;

/// The prefixes of environment variables: of both programs, and of each.
const PREFIXES: [&str; 3] = ["USER_METADATA_", "WS_SERVER_", "METADATA_CONSUMER_"];

/// Flags without a variable: those of `metadata-consumer replay`.
const FLAGS_ALONE: [&str; 2] = ["--dead-letters", "--dry-run"];

/// Flags of cargo, Docker, the databases, install, kubectl and systemctl.
const FLAGS_OF_OTHERS: [&str; 21] = [
    "--bin",
    "--bootstrap-server",
    "--build",
    "--chown",
    "--directory",
    "--env",
    "--follow",
    "--from",
    "--from-file",
    "--kustomize",
    "--locked",
    "--mount",
    "--namespace",
    "--now",
    "--profile",
    "--publish",
    "--release",
    "--tag",
    "--target-directory",
    "--username",
    "--volume",
];

#[test]
fn every_metric_is_one_that_a_program_renders() {
    let rendered = rendered_metrics();
    assert!(rendered.contains("user_metadata_join_seconds_bucket"));
    let mut used = 0;
    for (path, text) in shipped() {
        let names = words(&text, |c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
        });
        for name in names.filter(|name| name.starts_with("user_metadata_")) {
            used += 1;
            assert!(rendered.contains(name), "{path}: no program renders {name}");
        }
    }
    assert!(used > 50, "only {used} uses of a metric were found");
}

#[test]
fn every_variable_and_flag_is_one_that_a_program_has() {
    let variables = variables();
    let flags: BTreeSet<String> = variables.iter().map(|name| flag(name)).collect();
    assert!(flags.contains("--outbox-max-bytes"), "{flags:?}");
    for (path, text) in shipped() {
        let names = words(&text, |c| c.is_ascii_uppercase() || c == '_');
        for name in names.filter(|name| PREFIXES.iter().any(|prefix| name.starts_with(prefix))) {
            assert!(variables.contains(name), "{path}: no program reads {name}");
        }
        let used = words(&text, |c| c.is_ascii_lowercase() || c == '-');
        for used in used.filter(|word| word.starts_with("--") && word.len() > 3) {
            let known = flags.contains(used)
                || FLAGS_ALONE.contains(&used)
                || FLAGS_OF_OTHERS.contains(&used);
            assert!(known, "{path}: no program has {used}");
        }
    }
}

#[test]
fn the_image_is_built_by_our_compiler_and_named_by_our_version() {
    let toolchain: toml::Table = read("rust-toolchain.toml").parse().unwrap();
    let compiler = toolchain["toolchain"]["channel"].as_str().unwrap();
    assert!(read("Dockerfile").contains(&format!("\nFROM rust:{compiler}-")));
    let workspace: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = workspace["workspace"]["package"]["version"]
        .as_str()
        .unwrap();
    for program in ["ws-server", "metadata-consumer"] {
        let manifest = read(&format!("deploy/kubernetes/{program}.yaml"));
        let image = format!(" image: user-metadata:{version}\n");
        assert!(manifest.contains(&image), "{program}: not{image}");
    }
}

#[test]
fn every_yaml_file_can_be_read() {
    let files = shipped();
    let yaml = files.iter().filter(|(path, _)| {
        let extension = Path::new(path).extension();
        extension.is_some_and(|extension| extension == "yml" || extension == "yaml")
    });
    let documents: usize = yaml
        .map(|(path, text)| match Yaml::load_from_str(text) {
            Ok(documents) => documents.len(),
            Err(error) => panic!("{path}: {error}"),
        })
        .sum();
    assert!(documents > 10, "only {documents} documents were found");
}

#[test]
fn every_alert_is_explained_tested_and_in_the_runbook() {
    let (rules, tests) = (
        read("deploy/prometheus/alerts.yml"),
        read("deploy/prometheus/alerts_test.yml"),
    );
    let runbook = read("deploy/README.md");
    let rules = one(&rules);
    let groups = rules["groups"].as_sequence().unwrap();
    let alerts = groups
        .iter()
        .flat_map(|group| group["rules"].as_sequence().unwrap());
    let mut names = BTreeSet::new();
    for rule in alerts {
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name), "{name} is there twice");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(
            ["warning", "critical"].contains(&severity),
            "{name}: {severity}"
        );
        let annotations = &rule["annotations"];
        assert!(
            !annotations["summary"].as_str().unwrap().is_empty(),
            "{name}"
        );
        assert!(
            annotations["description"].as_str().unwrap().ends_with('.'),
            "{name}"
        );
        let section = format!("deploy/README.md#{}", name.to_lowercase());
        assert_eq!(
            annotations["runbook"].as_str(),
            Some(section.as_str()),
            "{name}"
        );
        assert!(
            runbook.contains(&format!("\n### {name}\n")),
            "no section {name}"
        );
        let tested = format!("alertname: {name}\n        exp_alerts:\n");
        assert!(tests.contains(&tested), "no test in which {name} fires");
        let quiet = format!("alertname: {name}\n      - eval_time");
        let quiet_at_end = format!("alertname: {name}\n\n");
        let quiet = tests.contains(&quiet) || tests.contains(&quiet_at_end);
        assert!(quiet, "no test in which {name} does not fire");
    }
    let sections = runbook
        .lines()
        .filter_map(|line| line.strip_prefix("### UserMetadata"));
    assert_eq!(sections.count(), names.len(), "sections without an alert");
}

#[test]
fn every_panel_says_what_it_shows_and_what_to_do() {
    let dashboard = read("deploy/grafana/user-metadata.json");
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(
            !title.is_empty() && ids.insert(panel["id"].as_u64().unwrap()),
            "{title}"
        );
        if panel["type"] == "row" {
            continue;
        }
        assert!(
            panel["description"].as_str().unwrap().ends_with('.'),
            "{title}"
        );
        assert!(
            panel["fieldConfig"]["defaults"]["unit"].is_string(),
            "{title}: no unit"
        );
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            let chosen = target["expr"]
                .as_str()
                .unwrap()
                .contains(r#"instance=~"$instance""#);
            assert!(chosen, "{title}: not of the chosen instance");
        }
    }
}

/// The names on `/metrics`; for a histogram those of its buckets, its sum and its count.
fn rendered_metrics() -> BTreeSet<String> {
    let crates = std::fs::read_dir(workspace().join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let sources = crates.flat_map(|name| files(&format!("crates/{name}/src")));
    let metrics = sources.filter(|(path, _)| path.ends_with("/metrics.rs"));
    let mut names = BTreeSet::new();
    for (_, text) in metrics {
        let constants = text.split("const ").filter_map(|rest| {
            let (constant, rest) = rest.split_once(": &str = \"")?;
            Some((constant, rest.split_once('"')?.0))
        });
        for (constant, name) in constants.filter(|(_, name)| name.starts_with("user_metadata_")) {
            if text.contains(&format!(" histogram!({constant}")) {
                names.extend(["bucket", "sum", "count"].map(|part| format!("{name}_{part}")));
            } else {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

fn variables() -> BTreeSet<String> {
    let sources = sources();
    let written = sources.split("env = \"").skip(1);
    let written = written
        .filter_map(|rest| rest.split_once('"'))
        .map(|(name, _)| name);
    written.map(str::to_owned).collect()
}

/// The flag that a variable stands for.
fn flag(variable: &str) -> String {
    let name = PREFIXES
        .iter()
        .find_map(|prefix| variable.strip_prefix(prefix));
    format!("--{}", name.unwrap().to_lowercase().replace('_', "-"))
}

fn words(text: &str, is_part: impl Fn(char) -> bool) -> impl Iterator<Item = &str> {
    text.split(move |c| !is_part(c))
        .filter(|word| !word.is_empty())
}
