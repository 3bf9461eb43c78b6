use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::missing::{Missing, tool};
use crate::process::Program;
use crate::target::{target, workspace};

/// Kafka's version, as `kafka/pom.xml` has it.
const VERSION: &str = "4.1.0";
/// The first compiler alone: brokers of tests don't live long enough for the second to pay.
const JAVA: [&str; 2] = ["-Xmx512m", "-XX:TieredStopAtLevel=1"];

/// Kafka's jars and the Java to run them.
#[derive(Debug, Clone)]
pub(super) struct Jars {
    java: PathBuf,
    class_path: String,
}

impl Jars {
    /// Finds Java, and brings the jars where no earlier run did.
    pub(super) fn find() -> Result<Self, Missing> {
        let java = tool("java", "install a Java runtime, 17 or later")?;
        let folder = target("kafka").join(VERSION);
        let lock = File::create(target("kafka").join("lock")).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        assert!(lock.is_ok(), "{}: {lock:?}", folder.display());
        if !folder.exists() {
            bring(&folder)?;
        }
        Ok(Self {
            java,
            class_path: folder.join("*").to_string_lossy().into_owned(),
        })
    }

    /// Runs one of Kafka's programs. It yields to what is tested, as if it were on a machine of its
    /// own.
    pub(super) fn program(&self, class: &str, arguments: &[&str]) -> Program {
        Program::new("nice")
            .args(["-n", "10"])
            .arg(&self.java)
            .args(JAVA)
            .args(["-cp", &self.class_path, class])
            .args(arguments)
    }
}

/// Moved into place when complete: a folder that is there is whole.
fn bring(folder: &PathBuf) -> Result<(), Missing> {
    let maven = tool("mvn", "install Apache Maven")?;
    let incomplete = folder.with_extension("incomplete");
    let pom = workspace().join("crates/user-metadata-testing/kafka/pom.xml");
    let brought = Command::new(maven)
        .args(["--quiet", "--batch-mode", "-Dstyle.color=never"])
        .arg("dependency:copy-dependencies")
        .arg("--file")
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", incomplete.display()))
        .stdin(Stdio::null())
        .status();
    if !brought.as_ref().is_ok_and(ExitStatus::success) {
        let what = format!("Kafka's jars, which mvn could not bring: {brought:?}");
        return Err(Missing::new(what, "see what mvn wrote"));
    }
    let moved = std::fs::rename(&incomplete, folder);
    assert!(moved.is_ok(), "{}: {moved:?}", folder.display());
    Ok(())
}
