use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Failure;
use crate::cargo::{cargo, root, succeed, target};
use crate::needs;

/// Builds the programs as they are shipped, and measures them.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    let is_publishing = arguments.first().is_some_and(|part| part == "publish");
    let mut build = cargo(&["build", "--release", "--package", "user-metadata-bench"]);
    if !is_publishing {
        build.args(["--package", "ws-server", "--package", "metadata-consumer"]);
    }
    succeed(&mut build)?;
    let programs = target()?.join("release");
    let mut bench = Command::new(programs.join("user-metadata-bench"));
    if is_publishing {
        bench.env("USER_METADATA_PEERS", peers(&target()?)?);
    }
    succeed(
        bench
            .args(arguments)
            .env("USER_METADATA_PROGRAMS", &programs),
    )
}

/// Builds what the publisher is measured against, and returns the folder with all of it. It takes a
/// C compiler, make and Node.js.
fn peers(target: &Path) -> Result<PathBuf, Failure> {
    let source = root().join("crates/user-metadata-bench/peers");
    let build = target.join("bench-peers");
    let mut cargo = cargo(&["build", "--release", "--locked"]);
    succeed(cargo.current_dir(&source).env("CARGO_TARGET_DIR", &build))?;
    let folder = build.join("release");
    for file in ["package.json", "package-lock.json", "kafkajs.js"] {
        std::fs::copy(source.join(file), folder.join(file))?;
    }
    let mut npm = Command::new("npm");
    let quiet = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
    succeed(npm.args(quiet).current_dir(&folder).stdin(Stdio::null()))?;
    Ok(folder)
}
