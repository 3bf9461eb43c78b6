use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::target::target;

/// An empty folder that is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes one; `name` only helps to find it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = target("scratch").join(format!("{name}-{}-{count}", std::process::id()));
        // One of an earlier process of the same id that was killed.
        if path.exists() {
            let removed = std::fs::remove_dir_all(&path);
            assert!(removed.is_ok(), "{}: {removed:?}", path.display());
        }
        let made = std::fs::create_dir(&path);
        assert!(made.is_ok(), "{}: {made:?}", path.display());
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it, as an argument for a program.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.path.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed goes with the target directory.
        drop(std::fs::remove_dir_all(&self.path));
    }
}
