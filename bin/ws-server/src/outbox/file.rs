use std::path::{Path, PathBuf};

use user_metadata_cli::FlagError;
use user_metadata_log::{DataDir, DiskQueueReader};

use super::args::OutboxFile;

impl OutboxFile {
    pub(super) fn path(&self) -> PathBuf {
        let default = || DataDir::new(&self.data_dir).outbox_path();
        self.file.clone().unwrap_or_else(default)
    }

    /// The outbox and what was set aside, the oldest first.
    pub(super) fn all(&self) -> Vec<PathBuf> {
        if let Some(file) = &self.file {
            return vec![file.clone()];
        }
        let mut files = vec![self.path()];
        let entries = std::fs::read_dir(&self.data_dir);
        let mut damaged: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_set_aside(path))
            .collect();
        damaged.sort();
        files.append(&mut damaged);
        files
    }
}

fn is_set_aside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_prefix("outbox.db.damaged-")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The file that is to be replayed.
pub(super) fn existing(path: PathBuf) -> Result<PathBuf, FlagError> {
    if path.is_file() {
        return Ok(path);
    }
    let problem = format!("there is no {}; see `ws-server outbox ls`", path.display());
    Err(FlagError::new("file", problem))
}

/// A file that somebody names. What is damaged of an outbox is set aside, which must not befall a
/// file that is none; one that was set aside before can't always tell what it is.
pub(super) fn checked_outbox(file: PathBuf) -> Result<PathBuf, FlagError> {
    let file = existing(file)?;
    if !is_set_aside(&file) {
        DiskQueueReader::open(&file).map_err(|error| FlagError::refused("file", &error))?;
    }
    Ok(file)
}
