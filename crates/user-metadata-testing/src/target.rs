use std::path::{Path, PathBuf};

/// A folder of this name in cargo's target directory, created if missing: for what is expensive to
/// make and may be deleted.
pub fn target(name: &str) -> PathBuf {
    let folder = target_directory().join("user-metadata-testing").join(name);
    let made = std::fs::create_dir_all(&folder);
    assert!(made.is_ok(), "{}: {made:?}", folder.display());
    folder
}

/// The workspace's folder of test data.
pub fn fixtures() -> PathBuf {
    workspace().join("fixtures")
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map_or_else(PathBuf::new, Path::to_owned)
}

/// Cargo marks its target directory with a tag; the running program is somewhere below it.
pub(crate) fn target_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map_or_else(|| workspace().join("target"), Path::to_owned)
}
