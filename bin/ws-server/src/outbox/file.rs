use std::path::{Path, PathBuf};

use user_metadata_cli::FlagError;
use user_metadata_log::{DataDir, DiskQueueReader};

use super::args::OutboxFile;

impl OutboxFile {
    pub(super) fn path(&self) -> PathBuf {
        let default = || DataDir::new(&self.data_dir).outbox_path();
        self.file.clone().unwrap_or_else(default)
    }

    /// The outbox and the damaged files that were set aside, the oldest first.
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

/// Whether this is a damaged outbox that was set aside, perhaps more than once: its replay may find
/// damage again.
fn is_set_aside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let times = name.strip_prefix("outbox.db.damaged-");
    times.is_some_and(|times| {
        let mut times = times.split(".damaged-");
        times.all(|time| !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The outbox to replay, which `flag` names.
pub(super) fn existing(flag: &'static str, path: PathBuf) -> Result<PathBuf, FlagError> {
    if path.is_file() {
        return Ok(path);
    }
    let problem = format!(
        "{} does not exist; see `ws-server outbox ls`",
        path.display()
    );
    Err(FlagError::new(flag, problem))
}

/// A file that `--file` names. Opening a damaged outbox moves it aside, so this must be an outbox; a
/// file that was set aside may be too damaged to tell.
pub(super) fn checked_outbox(file: PathBuf) -> Result<PathBuf, FlagError> {
    let file = existing("file", file)?;
    if !is_set_aside(&file) {
        DiskQueueReader::open(&file).map_err(|error| FlagError::refused("file", &error))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_aside_once_or_twice_is_found_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "outbox.db",
            "outbox.db.damaged-5",
            "outbox.db.damaged-5.damaged-17",
            "outbox.db-wal",
            "outbox.db.damaged-5-wal",
            "outbox.db.damaged-",
            "topic.db.damaged-5",
        ];
        for name in names {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let files = OutboxFile {
            data_dir: folder.path().to_owned(),
            file: None,
        };
        let expected = names[..3].iter().map(|name| folder.path().join(name));
        assert_eq!(files.all(), expected.collect::<Vec<_>>());
    }
}
