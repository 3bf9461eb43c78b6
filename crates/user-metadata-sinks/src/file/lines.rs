use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::Rotation;
use crate::FileError;
use crate::files::{Identity, create_file, create_parent, try_create};

/// A file of whole lines, and the rotated ones before it.
#[derive(Debug)]
pub(super) struct LineFile {
    path: PathBuf,
    rotation: Option<Rotation>,
    open: Option<Open>,
    /// Held as long as this exists; a kill releases it, too.
    _lock: File,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: Identity,
    /// The end of the last line that counts as stored.
    end: u64,
    /// A failure may have left a partial line after `end`.
    is_torn: bool,
}

/// Longer than any line of this sink, since no event is longer.
const LONGEST_LINE: u64 = 1 << 20;

impl LineFile {
    pub(super) fn open(path: &Path, rotation: Option<Rotation>) -> Result<Self, FileError> {
        create_parent(path)?;
        let lock_path = with_suffix(path, "lock");
        create_file(&lock_path)?;
        let lock = locked(path, &lock_path)?;
        let open = Open::new(path).map_err(|error| refused(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            rotation,
            open: Some(open),
            _lock: lock,
        })
    }

    /// Writes all of `lines`, and syncs them. After an error, nothing of them counts.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let bytes = lines.len() as u64;
        let mut open = self.current()?;
        if let Some(rotation) = self.rotation
            && open.end > 0
            && open.end + bytes > rotation.max_bytes
        {
            drop(open);
            rotate(&self.path, rotation)?;
            open = Open::new(&self.path)?;
        }
        let appended = open.append(lines);
        self.open = Some(open);
        appended
    }

    /// The file of that name. If somebody has moved it away, a new one.
    fn current(&mut self) -> io::Result<Open> {
        match self.open.take() {
            Some(open) if Identity::of(&self.path).ok() == Some(open.identity) => Ok(open),
            _ => Open::new(&self.path),
        }
    }
}

/// What opening the file would create or change, as words that follow "a start would"; creates and
/// changes nothing.
pub(crate) fn changes(path: &Path) -> Result<Vec<String>, FileError> {
    let lock = with_suffix(path, "lock");
    if lock.exists() {
        drop(locked(path, &lock)?);
    }
    if !path.exists() {
        try_create(path)?;
        return Ok(vec!["create the file".to_owned()]);
    }
    let looked = OpenOptions::new().read(true).append(true).open(path);
    let looked = looked.and_then(|mut file| {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(ErrorKind::InvalidData.into());
        }
        Ok(end_of_lines(&mut file, metadata.len())? < metadata.len())
    });
    Ok(match looked.map_err(|error| refused(path, error))? {
        true => vec!["cut off the last line, which a crash has left incomplete".to_owned()],
        false => Vec::new(),
    })
}

/// The lock file, locked.
fn locked(path: &Path, lock: &Path) -> Result<File, FileError> {
    let refused = |source| FileError::Create {
        path: lock.to_owned(),
        source,
    };
    let lock = OpenOptions::new().write(true).open(lock).map_err(refused)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => FileError::InUse {
            path: path.to_owned(),
        },
        TryLockError::Error(error) => refused(error),
    })?;
    Ok(lock)
}

fn refused(path: &Path, error: io::Error) -> FileError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::InvalidData => FileError::Foreign { path },
        _ => FileError::Create {
            path,
            source: error,
        },
    }
}

impl Open {
    /// Opens or creates the file, and cuts off a line that a crash has left incomplete.
    fn new(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(ErrorKind::InvalidData.into());
        }
        let end = end_of_lines(&mut file, metadata.len())?;
        if end < metadata.len() {
            let bytes = metadata.len() - end;
            let path = path.display();
            warn!(%path, bytes, "a crash has left the last line incomplete; it is cut off, and its event is delivered again");
            file.set_len(end)?;
        }
        file.sync_all()?;
        sync_parent(path)?;
        Ok(Self {
            file,
            identity: Identity::of(path)?,
            end,
            is_torn: false,
        })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.end)?;
        }
        self.is_torn = true;
        self.file.write_all(lines)?;
        self.file.sync_data()?;
        self.is_torn = false;
        self.end += lines.len() as u64;
        Ok(())
    }
}

/// The end of the last whole line. A file with other contents must not be cut: it is
/// [`ErrorKind::InvalidData`].
fn end_of_lines(file: &mut File, len: u64) -> io::Result<u64> {
    if len == 0 {
        return Ok(0);
    }
    let mut first = [0];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut first)?;
    let start = len.saturating_sub(LONGEST_LINE);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.read_to_end(&mut tail)?;
    let line_end = tail.iter().rposition(|byte| *byte == b'\n');
    match line_end {
        Some(place) if first == *b"{" => Ok(start + place as u64 + 1),
        None if first == *b"{" && start == 0 => Ok(0),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

/// Renames the file to `PATH.1`, after moving each numbered file up by one, up to the first free
/// number. So a crash between two steps leaves a gap that the next rotation fills, and only the
/// oldest file is ever overwritten, if as many are there as are kept.
fn rotate(path: &Path, rotation: Rotation) -> io::Result<()> {
    let numbered = |number: u32| with_suffix(path, &number.to_string());
    let keep = rotation.keep.get();
    let is_free = |number: &u32| fs::symlink_metadata(numbered(*number)).is_err();
    let free = (1..=keep).find(is_free).unwrap_or(keep);
    for number in (1..free).rev() {
        fs::rename(numbered(number), numbered(number + 1))?;
    }
    fs::rename(path, numbered(1))?;
    sync_parent(path)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// A file's name is in the directory: without this, a power cut may lose a new file.
fn sync_parent(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(parent) = path.parent() {
        let here = Path::new(".");
        let parent = if parent.as_os_str().is_empty() {
            here
        } else {
            parent
        };
        File::open(parent)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
