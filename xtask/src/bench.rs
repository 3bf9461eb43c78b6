use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::cargo::{cargo, succeed, target};
use crate::{needs, test};

/// Builds the programs as they are shipped, and measures them.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    measure(
        &release("user-metadata-bench")?,
        "user-metadata-bench",
        arguments,
    )
}

/// Lets Kafka, its topic, disks and ws-server itself fail. In short with the programs that
/// `cargo xtask test` has built, so that CI builds nothing for it.
pub(crate) fn faults(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    let is_short = arguments.iter().any(|argument| argument == "--short");
    let programs = if is_short {
        test::programs()?
    } else {
        release("user-metadata-faults")?
    };
    measure(&programs, "user-metadata-faults", arguments)
}

/// The folder of the programs, and of the one that measures them.
fn release(measuring: &str) -> Result<std::path::PathBuf, Failure> {
    let build = ["build", "--release", "--package", "ws-server"];
    let packages = ["--package", "metadata-consumer", "--package", measuring];
    succeed(cargo(&build).args(packages))?;
    Ok(target()?.join("release"))
}

fn measure(programs: &Path, measuring: &str, arguments: &[String]) -> Result<(), Failure> {
    let mut command = Command::new(programs.join(measuring));
    succeed(
        command
            .args(arguments)
            .env("USER_METADATA_PROGRAMS", programs),
    )
}
