use std::io::{self, ErrorKind, Write};

use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use super::lines::{LineWriter, encode};
use crate::worker::Worker;

/// Writes events as newline-delimited JSON: the value of each record as it came, in one line.
///
/// Every batch is flushed before it counts as stored. A batch that failed halfway is delivered again,
/// so a reader may see events twice: deduplicate by `id`. If the failure left a line incomplete, that
/// line is ended first.
///
/// The writer may block, like a pipe with a slow reader: it has a thread of its own. That delays
/// this sink and no other; there is no deadline, since a reader may pause as long as it likes.
#[derive(Debug)]
pub struct NdjsonSink {
    worker: Worker<Vec<u8>, io::Result<()>>,
}

impl NdjsonSink {
    /// Writes to `writer`, which should not buffer: a batch is written with one call.
    ///
    /// # Errors
    ///
    /// The operating system's error if it provides no thread.
    pub fn new(writer: impl Write + Send + 'static) -> io::Result<Self> {
        let mut writer = LineWriter::new(writer);
        let worker = Worker::start("ndjson-sink", move |lines: Vec<u8>| writer.write(&lines))?;
        Ok(Self { worker })
    }

    /// Writes to standard output.
    ///
    /// # Errors
    ///
    /// The operating system's error if it provides no thread or no second handle.
    pub fn stdout() -> io::Result<Self> {
        // Not `io::stdout()` itself: it buffers the rest of a failed write, and would write it
        // before the batch that is delivered again.
        #[cfg(unix)]
        let stdout = {
            use std::os::fd::AsFd;
            std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?)
        };
        #[cfg(not(unix))]
        let stdout = io::stdout();
        Self::new(stdout)
    }
}

impl Sink for NdjsonSink {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let (lines, rejections) = encode(batch);
        match self.worker.run(lines).await? {
            Ok(()) => Ok(rejections),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(SinkError::Closed),
            Err(error) => Err(SinkError::unavailable(error)),
        }
    }
}
