use crate::Failure;
use crate::cargo::{cargo, succeed, target};
use crate::needs;

const BUILD: [&str; 8] = [
    "build",
    "--release",
    "--package",
    "ws-server",
    "--package",
    "metadata-consumer",
    "--package",
    "user-metadata-bench",
];

/// Builds the programs as they are shipped, and measures them.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    succeed(&mut cargo(&BUILD))?;
    let programs = target()?.join("release");
    let mut bench = std::process::Command::new(programs.join("user-metadata-bench"));
    succeed(
        bench
            .args(arguments)
            .env("USER_METADATA_PROGRAMS", &programs),
    )
}
