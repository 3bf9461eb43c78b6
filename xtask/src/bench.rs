use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use user_metadata_testing::workspace;

use crate::Failure;
use crate::cargo::{cargo, succeed, target};
use crate::{needs, test};

/// Builds the programs in release mode, and measures them.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    let programs = release("user-metadata-bench")?;
    let peers = match arguments.first().map(String::as_str) {
        Some("publish") => Some(publishing_peers(&target()?)?),
        Some("consumer") => Some(consuming_peers(&target()?)?),
        _ => None,
    };
    measure(&programs, "user-metadata-bench", arguments, peers)
}

/// Makes Kafka, its topic, disks and ws-server itself fail. With `--short`, it uses the programs
/// that `cargo xtask test` has built, so that CI needs no other build.
pub(crate) fn faults(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    let is_short = arguments.iter().any(|argument| argument == "--short");
    let programs = if is_short {
        test::programs()?
    } else {
        release("user-metadata-faults")?
    };
    measure(&programs, "user-metadata-faults", arguments, None)
}

/// Makes members of a group join, leave and crash, in release mode.
pub(crate) fn soak(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    measure(
        &release("user-metadata-soak")?,
        "user-metadata-soak",
        arguments,
        None,
    )
}

/// Builds the programs and the one that measures them; returns their folder.
fn release(measuring: &str) -> Result<PathBuf, Failure> {
    let build = ["build", "--release", "--package", "ws-server"];
    let packages = ["--package", "metadata-consumer", "--package", measuring];
    succeed(cargo(&build).args(packages))?;
    Ok(target()?.join("release"))
}

fn measure(
    programs: &Path,
    measuring: &str,
    arguments: &[String],
    peers: Option<PathBuf>,
) -> Result<(), Failure> {
    let mut command = Command::new(programs.join(measuring));
    if let Some(peers) = peers {
        command.env("USER_METADATA_PEERS", peers);
    }
    succeed(
        command
            .args(arguments)
            .env("USER_METADATA_PROGRAMS", programs),
    )
}

/// Builds what the publisher is measured against, and returns its folder. Needs a C compiler, make
/// and Node.js.
fn publishing_peers(target: &Path) -> Result<PathBuf, Failure> {
    let build = target.join("bench-peers");
    let mut cargo = cargo(&["build", "--release", "--locked"]);
    succeed(cargo.current_dir(peers()).env("CARGO_TARGET_DIR", &build))?;
    let folder = build.join("release");
    node_peers(&folder)?;
    Ok(folder)
}

/// Builds what the consumer is measured against, and returns its folder. Needs Go and Node.js.
fn consuming_peers(target: &Path) -> Result<PathBuf, Failure> {
    let folder = target.join("bench-peers/consumers");
    std::fs::create_dir_all(&folder)?;
    let source = peers().join("benthos");
    let mut go = Command::new("go");
    let build = ["build", "-mod=readonly", "-o"];
    succeed(
        go.args(build)
            .arg(folder.join("benthos"))
            .arg(".")
            .current_dir(&source),
    )?;
    std::fs::copy(source.join("benthos.yaml"), folder.join("benthos.yaml"))?;
    node_peers(&folder)?;
    Ok(folder)
}

fn node_peers(folder: &Path) -> Result<(), Failure> {
    for file in [
        "package.json",
        "package-lock.json",
        "kafkajs.js",
        "insert.js",
    ] {
        std::fs::copy(peers().join(file), folder.join(file))?;
    }
    let mut npm = Command::new("npm");
    let quiet = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    succeed(npm.args(quiet).current_dir(folder).stdin(Stdio::null()))
}

fn peers() -> PathBuf {
    workspace().join("crates/user-metadata-bench/peers")
}
