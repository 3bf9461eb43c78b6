use std::io;
use std::path::PathBuf;

/// An error of SQLite or of the disk.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StorageError(pub(crate) rusqlite::Error);

impl StorageError {
    pub(crate) fn is_disk_full(&self) -> bool {
        self.0.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }

    /// Tells a damaged row from a file that can't be read now: SQLite says so, or a column is not
    /// what was written.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self.0.sqlite_error_code(),
            None | Some(rusqlite::ErrorCode::DatabaseCorrupt)
        )
    }

    /// Whether the file is damaged, and not just unusable for now. Only for what every intact file
    /// answers: then even an error in the SQL shows damage.
    pub(crate) fn is_damage_at_opening(&self) -> bool {
        let code = self.0.sqlite_error().map(|error| error.extended_code);
        self.is_damage()
            || self.0.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase)
            || code == Some(rusqlite::ffi::SQLITE_ERROR)
    }
}

/// Why a file could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process (or another writer of this one) has the file open for writing.
    #[error(
        "{} is already being written by another process; a file takes one writer: stop the other \
         one, give this one a data directory of its own, or use Kafka to scale out",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// There is no log yet: its writer has not been started. Try again later.
    #[error("{} does not exist yet; it is created when its writer starts", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version of this software.
    #[error(
        "{} has format {found}, and this version reads up to {supported}; use a newer version, \
         or another directory",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format version in the file.
        found: u32,
        /// The newest version that can be read.
        supported: u32,
    },
    /// The file is of another kind.
    #[error("{} is not a file of this kind; move it away, or use another directory", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A group's name becomes a file's name, so not every name will do.
    #[error(
        "`{group}` can't be a group's name here; use up to 200 letters, digits, `.`, `_` and `-`, \
         not starting with `.`"
    )]
    GroupName {
        /// The name.
        group: String,
    },
    /// The directory or the file can't be made or locked.
    #[error("{} can't be opened", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// SQLite refused the file.
    #[error("{} can't be used", path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: StorageError,
    },
}

/// Why nothing was appended. The log is as it was before; the next append may work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull(#[source] StorageError),
    /// The log has no such partition.
    #[error("there is no partition {partition}")]
    UnknownPartition {
        /// The partition asked for.
        partition: u32,
    },
    /// A batch is too large for a row, which takes 64 MiB.
    #[error("a batch of {bytes} bytes is larger than {max_bytes}")]
    TooLarge {
        /// The encoded size in bytes.
        bytes: usize,
        /// The largest size in bytes.
        max_bytes: usize,
    },
    /// The file could not be written.
    #[error("the log can't be written")]
    Storage(#[source] StorageError),
}

impl From<StorageError> for AppendError {
    fn from(error: StorageError) -> Self {
        if error.is_disk_full() {
            Self::DiskFull(error)
        } else {
            Self::Storage(error)
        }
    }
}

/// Why [`append_once`](crate::append_once) appended nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendOnceError {
    /// The file could not be opened, or stayed in use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file could not be appended to.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The batch at this offset is damaged. Read on at `next_offset`, and report what was lost.
    #[error("records {offset} to {} of partition {partition} are damaged", next_offset - 1)]
    Corrupt {
        /// The partition.
        partition: u32,
        /// The first offset that can't be read, at or after the one asked for.
        offset: u64,
        /// Where the next batch starts.
        next_offset: u64,
    },
    /// Retention has passed the offset, or it is past the end.
    #[error("offset {offset} of partition {partition} is outside {earliest} to {end}")]
    OutOfRange {
        /// The partition.
        partition: u32,
        /// The offset asked for.
        offset: u64,
        /// The first offset still there.
        earliest: u64,
        /// The offset that the next record will have.
        end: u64,
    },
    /// The log has no such partition.
    #[error("there is no partition {partition}")]
    UnknownPartition {
        /// The partition asked for.
        partition: u32,
    },
    /// The file could not be read.
    #[error("the log can't be read")]
    Storage(#[from] StorageError),
}

/// Why no batch of a queue was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueReadError {
    /// The batch is damaged. Read on after `id`, and report what was lost.
    #[error("batch {id} with {records} records is damaged")]
    Corrupt {
        /// The batch.
        id: u64,
        /// The records it held, as far as its row still tells.
        records: u64,
    },
    /// The file could not be read.
    #[error("the queue can't be read")]
    Storage(#[from] StorageError),
}
