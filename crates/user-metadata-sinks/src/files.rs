use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

use crate::FileError;

/// Creates the directory of `path` for its owner alone; an existing one is left as it is.
pub(crate) fn create_parent(path: &Path) -> Result<(), FileError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(parent).map_err(|source| FileError::Create {
        path: parent.to_owned(),
        source,
    })
}

/// Creates the file for its owner alone; SQLite gives its write-ahead log the same mode.
pub(crate) fn create_file(path: &Path) -> Result<(), FileError> {
    let mut options = OpenOptions::new();
    // Never opens an existing one: on closing it, POSIX would release every lock that this
    // process holds on it, also those of another connection.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(FileError::Create {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Whether a file can be created at `path`, where none exists: tries it in the nearest existing
/// folder, and leaves nothing behind.
pub(crate) fn try_create(path: &Path) -> Result<(), FileError> {
    let mut folders = path.ancestors().skip(1);
    let folder = folders.find(|folder| folder.exists());
    let folder = folder.unwrap_or(Path::new("."));
    let probe = folder.join(format!(".user-metadata-check-{}", std::process::id()));
    create_file(&probe)?;
    fs::remove_file(&probe).map_err(|source| FileError::Create {
        path: probe,
        source,
    })
}

/// Tells a file from another one that has taken its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    #[cfg(unix)]
    device: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Identity {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let metadata = path.metadata()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(Self {
                device: metadata.dev(),
                inode: metadata.ino(),
            })
        }
        // Elsewhere an open file can't be moved.
        #[cfg(not(unix))]
        {
            drop(metadata);
            Ok(Self {})
        }
    }
}
