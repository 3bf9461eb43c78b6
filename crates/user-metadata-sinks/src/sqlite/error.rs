use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use user_metadata_consumer::SinkError;

/// A batch that was not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("{} can't be written now", path.display())]
    Now {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("{} can't be written; repair or move it, and start again", path.display())]
    Ever {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error(
        "{} was changed by another version of this software while it was in use; \
         use that version, or another file",
        path.display()
    )]
    Schema { path: PathBuf },
    #[error("{} was moved or removed while it was in use; start again", path.display())]
    Gone { path: PathBuf },
}

impl WriteError {
    pub(super) fn new(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if is_passing(source.sqlite_error_code()) {
            Self::Now { path, source }
        } else {
            Self::Ever { path, source }
        }
    }
}

impl From<WriteError> for SinkError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Now { .. } => Self::unavailable(error),
            WriteError::Ever { .. } | WriteError::Schema { .. } | WriteError::Gone { .. } => {
                Self::fatal(error)
            }
        }
    }
}

/// Whether retrying may help: another process locks the file, the disk is full or unavailable, or
/// the system is short of resources.
fn is_passing(code: Option<ErrorCode>) -> bool {
    matches!(
        code,
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OperationInterrupted
        )
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn what_may_pass_is_unavailable_and_the_rest_is_fatal() {
        for (code, passes) in [
            (ffi::SQLITE_BUSY, true),
            (ffi::SQLITE_BUSY_SNAPSHOT, true),
            (ffi::SQLITE_LOCKED, true),
            (ffi::SQLITE_FULL, true),
            (ffi::SQLITE_IOERR_FSYNC, true),
            (ffi::SQLITE_CANTOPEN, true),
            (ffi::SQLITE_NOMEM, true),
            (ffi::SQLITE_NOTADB, false),
            (ffi::SQLITE_CORRUPT, false),
            (ffi::SQLITE_READONLY, false),
            (ffi::SQLITE_READONLY_DBMOVED, false),
            (ffi::SQLITE_PERM, false),
            (ffi::SQLITE_ERROR, false),
        ] {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = SinkError::from(WriteError::new(Path::new("x"), source));
            let is_unavailable = matches!(error, SinkError::Unavailable { .. });
            assert_eq!(is_unavailable, passes, "{code}");
        }
    }
}
