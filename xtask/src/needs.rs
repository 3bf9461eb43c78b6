use std::path::Path;
use std::process::{Command, Stdio};

use user_metadata_testing::{is_root, postgres, tool};

use crate::cargo::succeed;

/// Programs that tests use, and the Debian packages with them.
const NEEDS: [(&str, &str); 8] = [
    ("java", "default-jre-headless"),
    ("mvn", "maven"),
    ("kcat", "kcat"),
    ("redis-server", "redis-server"),
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("docker-compose", "docker-compose"),
    ("postgres", "postgresql"),
];

/// Installs what is missing where that needs no consent: on Debian, as root. Prints what is still
/// missing; the tests that need it are skipped, or fail with `CI=true`.
pub(crate) fn install() {
    let packages: Vec<&str> = missing().into_iter().map(|(_, package)| package).collect();
    if !packages.is_empty() && is_debian_root() {
        eprintln!("installing {}", packages.join(", "));
        let install = ["install", "--yes", "--quiet", "--no-install-recommends"];
        let installed = succeed(apt_get().args(["update", "--quiet"]))
            .and_then(|()| succeed(apt_get().args(install).args(&packages)));
        if let Err(error) = installed {
            eprintln!("{error}");
        }
    }
    for (program, package) in missing() {
        eprintln!("missing: {program}; Debian has it in the package {package}");
    }
}

fn missing() -> Vec<(&'static str, &'static str)> {
    let is_missing = |(program, _): &(&str, &str)| match *program {
        // Debian keeps it off the `PATH`.
        "postgres" => postgres::Programs::find().is_err(),
        program => tool(program, "").is_err(),
    };
    NEEDS.into_iter().filter(is_missing).collect()
}

fn is_debian_root() -> bool {
    Path::new("/etc/debian_version").exists() && is_root()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    command
}
