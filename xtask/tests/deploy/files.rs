//! The files that the tests read.

use saphyr::{LoadableYamlNode as _, Yaml};
use user_metadata_testing::workspace;

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(workspace().join(path)).unwrap()
}

/// All files in `folder`, with their paths below the root.
pub(crate) fn files(folder: &str) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(workspace().join(folder)).unwrap();
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), read(&path)));
        }
    }
    found
}

/// The files for operators.
pub(crate) fn shipped() -> Vec<(String, String)> {
    let top = ["Dockerfile", "docker-compose.dev.yml"];
    let top = top.map(|path| (path.to_owned(), read(path)));
    files("deploy").into_iter().chain(top).collect()
}

/// The sources with the programs' flags.
pub(crate) fn sources() -> String {
    let crates = [
        "crates/user-metadata-cli/src",
        "bin/ws-server/src",
        "bin/metadata-consumer/src",
    ];
    crates
        .iter()
        .flat_map(|folder| files(folder))
        .map(|(_, text)| text)
        .collect()
}

/// The first document.
pub(crate) fn one(text: &str) -> Yaml<'_> {
    Yaml::load_from_str(text).unwrap().swap_remove(0)
}
