use std::path::{Path, PathBuf};

/// The paths of one installation's files.
///
/// ```
/// use user_metadata_log::DataDir;
/// let dir = DataDir::new("./data");
/// assert!(dir.topic_path().ends_with("data/topic.db"));
/// assert!(dir.groups_path().ends_with("data/groups"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// Names the directory; it is created with the first file in it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The topic's log, written by the server.
    #[must_use]
    pub fn topic_path(&self) -> PathBuf {
        self.path.join("topic.db")
    }

    /// The queue of events that wait for Kafka, written by the server.
    #[must_use]
    pub fn outbox_path(&self) -> PathBuf {
        self.path.join("outbox.db")
    }

    /// The log of dead letters, written by consumers with [`append_once`](crate::append_once).
    #[must_use]
    pub fn dead_letters_path(&self) -> PathBuf {
        self.path.join("dlq.db")
    }

    /// The directory of the groups that replay dead letters. They are not among the topic's groups,
    /// as their positions are not in the topic.
    #[must_use]
    pub fn dead_letter_groups(&self) -> Self {
        Self::new(self.path.join("dlq"))
    }

    /// The directory of the groups' positions.
    #[must_use]
    pub fn groups_path(&self) -> PathBuf {
        self.path.join("groups")
    }

    /// The positions of one group, whose name was checked, written by the one process that consumes
    /// as `group`.
    pub(crate) fn group_path(&self, group: &str) -> PathBuf {
        self.groups_path().join(format!("{group}.db"))
    }
}
