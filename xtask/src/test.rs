use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use user_metadata_testing::{Missing, SKIPS, is_ci};

use crate::Failure;
use crate::cargo::{cargo, succeed, target};
use crate::needs;
use crate::services::Kafka;

/// Starts what the tests need, runs them, stops it, and prints in the last line how many passed,
/// failed and were skipped.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    needs::install();
    let kafka = Kafka::bring_up();
    match &kafka {
        Ok(kafka) => eprintln!("Kafka at {}", kafka.brokers()),
        Err(missing) if is_ci() => return Err(format!("Kafka needs {missing}").into()),
        Err(missing) => eprintln!("missing: Kafka, which needs {missing}"),
    }
    let mut command = cargo(&["test", "--no-fail-fast"]);
    if arguments.is_empty() {
        command.args(ALL).env("USER_METADATA_PROGRAMS", programs()?);
    } else {
        command.args(arguments);
    }
    run_tests(command, kafka)
}

/// All packages with the features that the tests have, so that programs and tests share crates and
/// nothing is compiled twice.
const ALL: [&str; 2] = ["--workspace", "--all-features"];

/// Builds the programs and all tests; returns the folder of the programs.
pub(crate) fn programs() -> Result<std::path::PathBuf, Failure> {
    succeed(cargo(&["build", "--all-targets"]).args(ALL))?;
    Ok(target()?.join("debug"))
}

fn run_tests(mut command: Command, kafka: Result<Kafka, Missing>) -> Result<(), Failure> {
    let skips = target()?.join(format!("skips-{}", std::process::id()));
    if let Ok(kafka) = &kafka {
        command.env("KAFKA_BROKERS", kafka.brokers());
    }
    let mut child = command.env(SKIPS, &skips).stdout(Stdio::piped()).spawn()?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            tally.add(&line);
        }
    }
    let status = child.wait()?;
    drop(kafka);
    let skipped = take_skips(&skips)?;
    for (what, count) in &skipped {
        println!("skipped without {what}: {count}");
    }
    println!("tests: {}", tally.last_line(skipped.values().sum()));
    if status.success() {
        Ok(())
    } else {
        Err(format!("cargo test ended with {status}").into())
    }
}

/// How many tests were skipped, by what was missing.
fn take_skips(path: &Path) -> Result<BTreeMap<String, u64>, Failure> {
    let mut skipped = BTreeMap::new();
    if path.exists() {
        for line in std::fs::read_to_string(path)?.lines() {
            *skipped.entry(line.to_owned()).or_default() += 1;
        }
        std::fs::remove_file(path)?;
    }
    Ok(skipped)
}

/// The sum of the last lines of all test programs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    /// Adds a line like `test result: ok. 5 passed; 0 failed; …`; ignores any other.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Test programs count skipped tests as passed.
    fn last_line(&self, skipped: u64) -> String {
        let passed = self.passed.saturating_sub(skipped);
        format!("{passed} passed, {} failed, {skipped} skipped", self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up_and_other_lines_count_nothing() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 1 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out",
            "9 passed; 9 failed",
        ] {
            tally.add(line);
        }
        assert_eq!(tally.last_line(2), "4 passed, 4 failed, 2 skipped");
    }
}
