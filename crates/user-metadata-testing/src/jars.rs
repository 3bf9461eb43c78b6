use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use crate::missing::{Missing, tool};
use crate::process::Program;
use crate::target::{target, workspace};

/// Only the C1 compiler: test servers don't live long enough for C2 to pay off.
const JAVA: [&str; 2] = ["-Xmx512m", "-XX:TieredStopAtLevel=1"];

/// A server's jars, and the Java that runs them.
#[derive(Debug, Clone)]
pub(crate) struct Jars {
    java: PathBuf,
    class_path: String,
}

impl Jars {
    /// Finds Java, and downloads the jars that `crates/user-metadata-testing/NAME/pom.xml` names
    /// unless an earlier run did.
    pub(crate) fn find(name: &str, version: &str) -> Result<Self, Missing> {
        let java = tool("java", "install a Java runtime, 17 or later")?;
        let folder = target(name).join(version);
        let lock = File::create(target(name).join("lock")).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        assert!(lock.is_ok(), "{}: {lock:?}", folder.display());
        if !folder.exists() {
            download(name, &folder)?;
        }
        Ok(Self {
            java,
            class_path: folder.join("*").to_string_lossy().into_owned(),
        })
    }

    /// Runs a class from the jars, or a source file that uses them, at a lower priority than the
    /// programs under test, as if it were on another machine.
    pub(crate) fn program(&self, class: &str, arguments: &[&str]) -> Program {
        Program::new("nice")
            .args(["-n", "10"])
            .arg(&self.java)
            .args(JAVA)
            .args(["-cp", &self.class_path, class])
            .args(arguments)
    }
}

/// Moved into place when complete, so that a folder that exists is complete.
fn download(name: &str, folder: &Path) -> Result<(), Missing> {
    let maven = tool("mvn", "install Apache Maven")?;
    let incomplete = folder.with_extension("incomplete");
    let pom = sources(name).join("pom.xml");
    let downloaded = Command::new(maven)
        .args(["--quiet", "--batch-mode", "-Dstyle.color=never"])
        .arg("dependency:copy-dependencies")
        .arg("--file")
        .arg(pom)
        .arg(format!("-DoutputDirectory={}", incomplete.display()))
        .stdin(Stdio::null())
        .status();
    if !downloaded.as_ref().is_ok_and(ExitStatus::success) {
        let what = format!("the jars of {name}, which mvn could not download: {downloaded:?}");
        return Err(Missing::new(what, "see what mvn wrote"));
    }
    let moved = std::fs::rename(&incomplete, folder);
    assert!(moved.is_ok(), "{}: {moved:?}", folder.display());
    Ok(())
}

/// The folder with a server's sources.
pub(crate) fn sources(name: &str) -> PathBuf {
    workspace().join("crates/user-metadata-testing").join(name)
}
