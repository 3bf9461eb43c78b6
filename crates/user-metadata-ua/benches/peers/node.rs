//! Parsers for Node, in a process of their own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The packages that are compared with or that have the lists.
const PACKAGES: [&str; 4] = [
    "ua-parser-js@2.0.10",
    "bowser@2.15.1",
    "user-agents@2.1.198",
    "crawler-user-agents@1.60.0",
];

/// Installs the packages below `target/`; `None`, and a line that says so, if that fails.
pub(crate) fn install() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ua-peers");
    let script = include_str!("peers.mjs");
    let prepare = || -> std::io::Result<bool> {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("package.json"), r#"{"private":true}"#)?;
        std::fs::write(folder.join("peers.mjs"), script)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]);
        let status = npm
            .arg(&folder)
            .args(PACKAGES)
            .stdout(Stdio::null())
            .status()?;
        Ok(status.success())
    };
    match prepare() {
        Ok(true) => Some(folder),
        Ok(false) => {
            println!(
                "npm could not install {}: without them\n",
                PACKAGES.join(", ")
            );
            None
        }
        Err(error) => {
            println!("no Node ({error}): without its parsers and lists\n");
            None
        }
    }
}

/// How many strings of the list each parser reads a second.
pub(crate) fn rates(folder: &Path, list: &[String]) -> Vec<(String, f64)> {
    let input = serde_json::to_string(list).unwrap_or_default();
    let output = run(folder, &["rates"], Some(&input));
    let rates = output.and_then(|output| serde_json::from_str(&output).ok());
    rates.unwrap_or_default()
}

/// What the script prints.
pub(crate) fn run(folder: &Path, arguments: &[&str], input: Option<&str>) -> Option<String> {
    let mut child = Command::new("node")
        .arg(folder.join("peers.mjs"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    stdin.write_all(input.unwrap_or_default().as_bytes()).ok()?;
    drop(stdin);
    let output = child.wait_with_output().ok()?;
    String::from_utf8(output.stdout).ok()
}
