use std::fs::{File, OpenOptions, TryLockError};
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
    _file: File,
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
                Ok(()) => return Ok(Self { _file: file }),
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
}

/// What is stored is personal data: nobody but the owner reads it.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
