//! `cargo xtask ua-data`: updates the data of `user-metadata-ua` from a package registry. Needs
//! Python 3 with pip, configured for one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use user_metadata_testing::workspace;

/// Has uap-core as of the beginning of each month; uap-core's own releases are years apart.
const RULES: &str = "ua-parser-builtins";
const BOTS: &str = "crawler-user-agents";

/// Downloads the newest rules and records their origin beside them; adds the words of the newest
/// list of bots to the table of bots.
///
/// # Errors
///
/// What failed, for people.
pub(crate) fn run() -> Result<(), String> {
    let root = workspace();
    let data = root.join("crates/user-metadata-ua/data");
    let downloads = root.join("target/ua-data");
    if downloads.exists() {
        fs::remove_dir_all(&downloads)
            .map_err(|error| format!("{}: {error}", downloads.display()))?;
    }
    let rules = download(RULES, &downloads.join(RULES))?;
    let version = version(&rules)?;
    let revision = python(&root.join("xtask/src/ua_data.py"), [&rules, &data])?;
    let origin = data.join("ORIGIN.md");
    fs::write(&origin, origin_text(&version, &revision))
        .map_err(|error| format!("{}: {error}", origin.display()))?;
    eprintln!("{RULES} {version}: uap-core {revision}");
    let bots = download(BOTS, &downloads.join(BOTS))?;
    let table = data.join("tables/bots.tsv");
    let added = python(&root.join("xtask/src/bot_words.py"), [&bots, &table])?;
    eprintln!("{BOTS} {}: {added} new words", self::version(&bots)?);
    eprintln!(
        "now run `cargo test -p user-metadata-ua`, review the changes and those of the snapshots, \
         and update the versions in data/tables/ORIGIN.md"
    );
    Ok(())
}

/// Downloads the newest wheel of a package into an empty folder.
fn download(package: &str, folder: &Path) -> Result<PathBuf, String> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps"])
        .args(["--disable-pip-version-check", "--dest"])
        .arg(folder)
        .arg(package);
    output(&mut pip)?;
    wheel(folder)
}

/// Runs a script and returns the line that it prints.
fn python(script: &Path, arguments: [&PathBuf; 2]) -> Result<String, String> {
    let printed = output(Command::new("python3").arg(script).args(arguments))?;
    Ok(printed.trim().to_owned())
}

/// Runs a program, with its standard error on the terminal, and returns what it printed.
fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output();
    let failed = |problem: String| format!("{command:?}: {problem}");
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}

fn wheel(folder: &Path) -> Result<PathBuf, String> {
    let files = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| format!("{}: pip downloaded no wheel", folder.display()))
}

/// The version in a wheel's file name: `NAME-VERSION-py3-none-any.whl`.
fn version(wheel: &Path) -> Result<String, String> {
    let name = wheel.file_name().and_then(|name| name.to_str());
    let version = name.and_then(|name| name.split('-').nth(1));
    version
        .map(str::to_owned)
        .ok_or_else(|| format!("{}: no version in the name", wheel.display()))
}

fn origin_text(version: &str, revision: &str) -> String {
    format!(
        "# Origin of `regexes.json`

| | |
|---|---|
| what | the rules of uap-core, `regexes.yaml` |
| project | <https://github.com/ua-parser/uap-core> |
| revision | `{revision}` |
| taken from | `{RULES}` {version} on PyPI, which carries that revision |
| licence | Apache-2.0, see `LICENSE` beside this file |
| changed | form only: JSON, one rule a line; no comments; no rule added, removed or altered |

`cargo xtask ua-data` renews this file and `regexes.json`.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_in_the_name_of_the_wheel() {
        let wheel = Path::new("/x-y/ua_parser_builtins-202610-py3-none-any.whl");
        assert_eq!(version(wheel).as_deref(), Ok("202610"));
        assert!(version(Path::new("/x/wheel.whl")).is_err());
    }
}
