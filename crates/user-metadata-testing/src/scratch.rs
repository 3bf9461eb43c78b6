use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::target::target;

/// An empty folder that is removed when this is dropped.
///
/// Those of a process are in one folder. What a killed process or a `static` leaves there is removed
/// by the next process that takes it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes a folder; `name` only helps to find it.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        static OWN: LazyLock<Own> = LazyLock::new(Own::any);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = OWN.path.join(format!("{name}-{count}"));
        let made = std::fs::create_dir(&path);
        assert!(made.is_ok(), "{}: {made:?}", path.display());
        Self { path }
    }

    /// Its path.
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
        // What can't be removed now goes with the process's folder.
        drop(std::fs::remove_dir_all(&self.path));
    }
}

/// The folder of this process, locked as long as it runs.
struct Own {
    path: PathBuf,
    _lock: File,
}

impl Own {
    fn any() -> Self {
        let parent = target("scratch");
        (0..1_000)
            .find_map(|number| Self::take(parent.join(number.to_string())))
            .unwrap_or_else(|| panic!("{}: no folder could be made", parent.display()))
    }

    /// `None` if another process has it, or if one of its programs still runs and writes to it.
    fn take(path: PathBuf) -> Option<Self> {
        let lock = File::create(path.with_extension("lock")).ok()?;
        lock.try_lock().ok()?;
        if path.exists() {
            std::fs::remove_dir_all(&path).ok()?;
        }
        std::fs::create_dir(&path).ok()?;
        Some(Self { path, _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_left_is_removed_by_the_next_and_by_no_other() {
        let scratch = Scratch::new("parent");
        let path = scratch.path().join("0");
        let first = Own::take(path.clone()).unwrap();
        std::fs::write(path.join("left"), "by a static").unwrap();
        assert!(Own::take(path.clone()).is_none());
        assert!(path.join("left").exists());

        drop(first);
        let _next = Own::take(path.clone()).unwrap();
        assert!(!path.join("left").exists());
    }
}
