//! Ports and timeouts that several files mention.

use saphyr::Yaml;

use crate::files::{one, read, sources};

#[test]
fn the_ports_are_the_same_everywhere() {
    let dockerfile = read("Dockerfile");
    let sources = sources();
    let port = |variable: &str| {
        let listens = format!("{variable}=0.0.0.0:");
        let (_, rest) = dockerfile.split_once(&listens).unwrap();
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(default_of(&sources, variable), format!("127.0.0.1:{port}"));
        port.parse::<i64>().unwrap()
    };
    let http = port("WS_SERVER_LISTEN");
    let admin = port("WS_SERVER_ADMIN_LISTEN");
    let consumer = port("METADATA_CONSUMER_LISTEN");
    assert!(dockerfile.contains(&format!("\nEXPOSE {http} {admin} {consumer}\n")));

    let compose = read("docker-compose.dev.yml");
    let compose = one(&compose);
    let published = |service: &str| texts(&compose["services"][service]["ports"]);
    let to = |port| format!("127.0.0.1:{port}:{port}");
    assert_eq!(published("ws-server"), [to(http), to(admin)]);
    assert_eq!(published("metadata-consumer"), [to(consumer)]);

    let server = kubernetes("ws-server.yaml");
    let named = |name: &str, port| (name.to_owned(), port);
    assert_eq!(
        container_ports(&server),
        [named("http", http), named("admin", admin)]
    );
    let reader = kubernetes("metadata-consumer.yaml");
    assert_eq!(container_ports(&reader), [named("admin", consumer)]);

    let prometheus = read("deploy/prometheus/prometheus.yml");
    for (job, port) in [("ws-server", admin), ("metadata-consumer", consumer)] {
        let scrape = one(&prometheus);
        let mut jobs = scrape["scrape_configs"].as_sequence().unwrap().iter();
        let found = jobs.find(|config| config["job_name"].as_str() == Some(job));
        let targets = texts(&found.unwrap()["static_configs"][0]["targets"]);
        assert_eq!(targets, [format!("127.0.0.1:{port}")]);
    }
}

#[test]
fn whoever_stops_a_program_waits_for_longer_than_it_drains() {
    let drain = seconds(&default_of(&sources(), "WS_SERVER_DRAIN_TIMEOUT"));
    let compose = read("docker-compose.dev.yml");
    let compose = one(&compose);
    for program in ["ws-server", "metadata-consumer"] {
        let grace = &compose["services"][program]["stop_grace_period"];
        assert!(
            seconds(grace.as_str().unwrap()) > drain,
            "compose: {program}"
        );
        let unit = read(&format!("deploy/systemd/{program}.service"));
        let (_, stop) = unit.split_once("\nTimeoutStopSec=").unwrap();
        assert!(
            seconds(stop.lines().next().unwrap()) > drain,
            "systemd: {program}"
        );
        let manifest = kubernetes(&format!("{program}.yaml"));
        let pod = &one(&manifest)["spec"]["template"]["spec"];
        let before = pod["containers"][0]
            .as_mapping_get("lifecycle")
            .map_or(0, |lifecycle| {
                lifecycle["preStop"]["sleep"]["seconds"]
                    .as_integer()
                    .unwrap()
            });
        let grace = pod["terminationGracePeriodSeconds"].as_integer().unwrap();
        assert!(grace > before + drain, "Kubernetes: {program}");
    }
}

fn default_of(sources: &str, variable: &str) -> String {
    let (_, rest) = sources
        .split_once(&format!("env = \"{variable}\""))
        .unwrap();
    let (_, rest) = rest.split_once("default_value = \"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

fn seconds(text: &str) -> i64 {
    text.strip_suffix('s').unwrap().parse().unwrap()
}

fn texts(list: &Yaml<'_>) -> Vec<String> {
    let list = list.as_sequence().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn kubernetes(file: &str) -> String {
    read(&format!("deploy/kubernetes/{file}"))
}

/// The name and number of each port in the manifest's first document.
fn container_ports(manifest: &str) -> Vec<(String, i64)> {
    let ports = &one(manifest)["spec"]["template"]["spec"]["containers"][0]["ports"];
    let ports = ports.as_sequence().unwrap().iter();
    ports
        .map(|port| {
            let number = port["containerPort"].as_integer().unwrap();
            (port["name"].as_str().unwrap().to_owned(), number)
        })
        .collect()
}
