use std::num::NonZeroU32;
use std::time::Duration;

/// The layout of a log and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogOptions {
    /// Partitions of a new file. An existing file keeps what it has:
    /// compare with [`LogWriter::partitions`](crate::LogWriter::partitions). Default 3.
    pub partitions: NonZeroU32,
    /// How long records are kept; `None` is forever. Default 7 days.
    pub retention: Option<Duration>,
    /// The largest size of the file's contents in bytes; `None` is unbounded, and anything below 1
    /// MiB means 1 MiB. The write-ahead log beside the file (up to 64 MiB) is not included. Default
    /// 1 GiB.
    pub max_bytes: Option<u64>,
    /// What an acknowledged append survives. Default [`LogSync::Normal`].
    pub sync: LogSync,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            partitions: NonZeroU32::MIN.saturating_add(2),
            retention: Some(Duration::from_secs(7 * 24 * 60 * 60)),
            max_bytes: Some(1 << 30),
            sync: LogSync::default(),
        }
    }
}

/// What an acknowledged append survives. Either way, a crash or a kill −9 of the process loses
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogSync {
    /// A power cut may lose the last appends (those since the last checkpoint), never the file.
    #[default]
    Normal,
    /// A power cut loses nothing: every append waits for the disk.
    Full,
}
