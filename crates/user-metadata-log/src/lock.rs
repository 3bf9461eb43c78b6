use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::database::with_suffix;
use crate::error::OpenError;

/// The right to write a file, held as an OS lock on `FILE.lock`. It ends with the process,
/// however that ends. The lock file stays: deleting it would let two writers in.
///
/// It is a file of its own since closing any handle of a database drops SQLite's own locks on it.
#[derive(Debug)]
pub(crate) struct WriterLock {
    file: File,
}

impl WriterLock {
    /// How often a taken lock is tried again; the standard library has no lock with a deadline.
    const RETRY: Duration = Duration::from_millis(2);

    pub(crate) fn acquire(path: &Path, patience: Duration) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io {
            path: path.to_owned(),
            source,
        };
        let file = owner_only()
            .write(true)
            .create(true)
            .open(with_suffix(path, ".lock"))
            .map_err(io)?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::Error(source)) => return Err(io(source)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(OpenError::InUse {
                        path: path.to_owned(),
                    });
                }
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(Self::RETRY),
            }
        }
    }

    /// The same right to write the file, or a new one if the lock file was deleted.
    pub(crate) fn renew(&self, path: &Path) -> Result<Self, OpenError> {
        let lock = with_suffix(path, ".lock");
        let renewed = self.file.metadata().and_then(|held| {
            let is_there = is_at(&lock, identity(&held))?;
            is_there.then(|| self.file.try_clone()).transpose()
        });
        match renewed {
            Ok(Some(file)) => Ok(Self { file }),
            Ok(None) => Self::acquire(path, Duration::ZERO),
            Err(source) => Err(OpenError::Io {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

/// Identifies a file, on systems that have numbers for that.
pub(crate) fn identity(file: &Metadata) -> (u64, u64) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (file.dev(), file.ino())
    }
    #[cfg(not(unix))]
    {
        let _: &Metadata = file;
        (0, 0)
    }
}

/// Whether this file is at `path`.
pub(crate) fn is_at(path: &Path, file: (u64, u64)) -> io::Result<bool> {
    match path.metadata() {
        Ok(found) => Ok(identity(&found) == file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is stored is personal data: nobody but the owner reads it.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
