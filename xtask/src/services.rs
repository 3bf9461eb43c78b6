use std::process::{Command, Stdio};

use user_metadata_testing::kafka::Broker;
use user_metadata_testing::{Missing, variable, workspace};

use crate::cargo::succeed;

/// A project of its own, so that what somebody else has started from the same file stays up.
const COMPOSE: [&str; 5] = [
    "compose",
    "--file",
    "docker-compose.dev.yml",
    "--project-name",
    "user-metadata-test",
];

/// The Kafka that tests share, while this is alive.
pub(crate) enum Kafka {
    /// An existing one: that of `KAFKA_BROKERS`.
    Given(String),
    /// That of `docker-compose.dev.yml`.
    Compose,
    /// A child process.
    Own(Box<Broker>),
}

impl Kafka {
    /// Takes the first that is available, in the order above.
    pub(crate) fn bring_up() -> Result<Self, Missing> {
        match variable("KAFKA_BROKERS") {
            Some(brokers) => Ok(Self::Given(brokers)),
            None if has_docker() && compose_up() => Ok(Self::Compose),
            None => Broker::start().map(|broker| Self::Own(Box::new(broker))),
        }
    }

    pub(crate) fn brokers(&self) -> String {
        match self {
            Self::Given(brokers) => brokers.clone(),
            Self::Compose => "localhost:9092".to_owned(),
            Self::Own(broker) => broker.address(),
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        if matches!(self, Self::Compose)
            && let Err(error) = succeed(docker(&COMPOSE).args(["down", "--volumes"]))
        {
            eprintln!("{error}");
        }
    }
}

/// Whether the Docker engine answers, and the client has compose.
fn has_docker() -> bool {
    [&["info"][..], &["compose", "version"]]
        .into_iter()
        .all(|question| {
            let mut docker = docker(question);
            let answer = docker.stdout(Stdio::null()).stderr(Stdio::null()).status();
            answer.is_ok_and(|status| status.success())
        })
}

fn compose_up() -> bool {
    let up = succeed(docker(&COMPOSE).args(["up", "--detach", "--wait", "kafka"]));
    up.inspect_err(|error| eprintln!("{error}; using Java instead"))
        .is_ok()
}

fn docker(arguments: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command
        .args(arguments)
        .current_dir(workspace())
        .stdin(Stdio::null());
    command
}
