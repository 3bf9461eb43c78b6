use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::missing::{Missing, tool};
use crate::process::Program;
use crate::target::{target, workspace};

/// The first compiler alone: servers of tests don't live long enough for the second to pay.
const JAVA: [&str; 2] = ["-Xmx512m", "-XX:TieredStopAtLevel=1"];

/// The jars of a server, and the Java to run them.
#[derive(Debug, Clone)]
pub(crate) struct Jars {
    java: PathBuf,
    class_path: String,
}

impl Jars {
    /// Finds Java, and brings the jars where no earlier run did: those that
    /// `crates/user-metadata-testing/NAME/pom.xml` asks for.
    pub(crate) fn find(name: &str, version: &str) -> Result<Self, Missing> {
        let java = tool("java", "install a Java runtime, 17 or later")?;
        let folder = target(name).join(version);
        let lock = File::create(target(name).join("lock")).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        assert!(lock.is_ok(), "{}: {lock:?}", folder.display());
        if !folder.exists() {
            bring(name, &folder)?;
        }
        Ok(Self {
            java,
            class_path: folder.join("*").to_string_lossy().into_owned(),
        })
    }

    /// Runs a class of theirs, or a source file that uses them. It yields to what is tested, as if
    /// it were on a machine of its own.
    pub(crate) fn program(&self, class: &str, arguments: &[&str]) -> Program {
        Program::new("nice")
            .args(["-n", "10"])
            .arg(&self.java)
            .args(JAVA)
            .args(["-cp", &self.class_path, class])
            .args(arguments)
    }
}

/// Moved into place when complete: a folder that is there is whole.
fn bring(name: &str, folder: &Path) -> Result<(), Missing> {
    let maven = tool("mvn", "install Apache Maven")?;
    let incomplete = folder.with_extension("incomplete");
    let pom = sources(name).join("pom.xml");
    let brought = Command::new(maven)
        .args(["--quiet", "--batch-mode", "-Dstyle.color=never"])
        .arg("dependency:copy-dependencies")
        .arg("--file")
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", incomplete.display()))
        .stdin(Stdio::null())
        .status();
    if !brought.as_ref().is_ok_and(ExitStatus::success) {
        let what = format!("the jars of {name}, which mvn could not bring: {brought:?}");
        return Err(Missing::new(what, "see what mvn wrote"));
    }
    let moved = std::fs::rename(&incomplete, folder);
    assert!(moved.is_ok(), "{}: {moved:?}", folder.display());
    Ok(())
}

/// Where the files about a server lie.
pub(crate) fn sources(name: &str) -> PathBuf {
    workspace().join("crates/user-metadata-testing").join(name)
}
