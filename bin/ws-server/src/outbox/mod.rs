mod args;
mod file;
mod replay;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use user_metadata_cli::Failure;
use user_metadata_events::UnixMillis;
use user_metadata_log::{DiskQueueReader, OpenError, QueueReadError, RecordRef};

pub(crate) use args::OutboxCommand;
use args::OutboxFile;

/// Inspects the outbox, while the server may be running, or delivers its events.
pub(crate) fn run(command: OutboxCommand) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let done = match command {
        OutboxCommand::Ls(file) => list(&file, &mut out),
        OutboxCommand::Cat(file) => print(&file, &mut out),
        OutboxCommand::Replay(args) => {
            drop(out);
            return replay::run(*args);
        }
    };
    match done {
        // The reader has closed the pipe.
        Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::runtime(&error)),
        Ok(()) => Ok(()),
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("outbox {} does not exist", .0.display())]
    Missing(PathBuf),
    #[error(transparent)]
    Open(OpenError),
    #[error(transparent)]
    Read(#[from] QueueReadError),
    #[error(transparent)]
    Storage(#[from] user_metadata_log::StorageError),
    #[error(transparent)]
    Write(#[from] io::Error),
    #[error("skipped what can't be read: {batches} damaged batches")]
    Damaged { batches: u64 },
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            // It is only created when the server is started with Kafka.
            OpenError::Missing { path } => Self::Missing(path),
            error => Self::Open(error),
        }
    }
}

fn list(files: &OutboxFile, out: &mut impl Write) -> Result<(), Error> {
    writeln!(out, "EVENTS\tBYTES\tFIRST\tLAST\tFILE")?;
    for path in files.all() {
        match summary(&path) {
            Ok((line, 0)) => writeln!(out, "{line}\t{}", path.display())?,
            Ok((line, batches)) => {
                let damaged = Error::Damaged { batches };
                writeln!(out, "{line}\t{} ({damaged})", path.display())?;
                if files.file.is_some() {
                    return Err(damaged);
                }
            }
            Err(Error::Write(error)) => return Err(error.into()),
            Err(error) if files.file.is_some() => return Err(error),
            Err(error) => writeln!(out, "-\t-\t-\t-\t{} ({error})", path.display())?,
        }
    }
    Ok(())
}

/// A line about a file, and how many of its batches are damaged.
fn summary(path: &Path) -> Result<(String, u64), Error> {
    let reader = DiskQueueReader::open(path)?;
    let contents = reader.contents()?;
    let (mut first, mut last) = (None, None);
    let damaged = each(&reader, |record| {
        first.get_or_insert(record.timestamp_ms);
        last = Some(record.timestamp_ms);
        Ok(())
    })?;
    let (first, last) = (time(first), time(last));
    let (records, bytes) = (contents.records, contents.bytes);
    Ok((format!("{records}\t{bytes}\t{first}\t{last}"), damaged))
}

fn time(ms: Option<i64>) -> String {
    let time = ms
        .and_then(|ms| u64::try_from(ms).ok())
        .and_then(UnixMillis::new);
    time.map_or_else(|| "-".to_owned(), |time| time.to_string())
}

fn print(file: &OutboxFile, out: &mut impl Write) -> Result<(), Error> {
    let reader = DiskQueueReader::open(file.path())?;
    let damaged = each(&reader, |record| {
        // The value is one line of JSON.
        out.write_all(record.value.unwrap_or(b"null"))?;
        Ok(out.write_all(b"\n")?)
    })?;
    out.flush()?;
    match damaged {
        0 => Ok(()),
        batches => Err(Error::Damaged { batches }),
    }
}

/// Visits all records in order, skipping batches that can't be read; returns how many those are.
fn each(
    reader: &DiskQueueReader,
    mut visit: impl FnMut(RecordRef<'_>) -> Result<(), Error>,
) -> Result<u64, Error> {
    let (mut last, mut damaged) = (0, 0);
    loop {
        match reader.next(last) {
            Ok(None) => return Ok(damaged),
            Ok(Some(batch)) => {
                batch.records.iter().try_for_each(&mut visit)?;
                last = batch.id;
            }
            Err(QueueReadError::Corrupt { id, .. }) => {
                damaged += 1;
                last = id;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
