use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::error::AppendOnceError;
use crate::options::LogOptions;
use crate::record::Batch;
use crate::writer::LogWriter;

/// Opens the log at `path`, appends `batches`, removes what retention no longer keeps, and closes
/// it again: for a log that several processes write now and then, such as that of dead letters.
/// While another process has the file, it waits for up to `patience`. Returns the offset of each
/// batch.
///
/// # Errors
///
/// [`AppendOnceError`]: none of the batches was appended.
pub fn append_once(
    path: impl AsRef<Path>,
    options: LogOptions,
    batches: &[Batch<'_>],
    patience: Duration,
) -> Result<Vec<u64>, AppendOnceError> {
    let mut writer = LogWriter::open_within(path.as_ref(), options, patience)?;
    let offsets = writer.append(batches)?;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    // The batches are stored; a log that could not be trimmed is trimmed by the next append.
    drop(writer.apply_retention(now_ms, None));
    Ok(offsets)
}
