use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;
use tracing::warn;
use user_metadata_events::{EncodedEvent, UnixMillis};
use user_metadata_log::{AppendError, LogWriter};

use crate::encode::records;
use crate::metrics;
use crate::transport::{Reason, SendError, in_words};

/// A batch to append, and where the offset of its first record goes.
pub(crate) struct Append {
    pub(crate) partition: u32,
    pub(crate) events: Arc<Vec<EncodedEvent>>,
    pub(crate) done: oneshot::Sender<Result<u64, SendError>>,
}

/// The thread that may block on the disk: it appends all waiting batches in one transaction, and
/// applies retention.
pub(crate) struct LogThread {
    writer: LogWriter,
    groups: PathBuf,
    /// The `ce_source` of the records.
    source: String,
    retention_due: Instant,
    /// Since retention was applied.
    appended: usize,
    /// The last time, retention removed events that a group had not read.
    removes_unread: bool,
    retention_fails: bool,
}

impl LogThread {
    const RETENTION_EVERY: Duration = Duration::from_secs(60);

    /// About 16 MB: by how much the log may exceed its maximum size.
    const RETENTION_EVERY_RECORDS: usize = 20_000;

    pub(crate) fn new(writer: LogWriter, groups: PathBuf, source: String) -> Self {
        Self {
            writer,
            groups,
            source,
            retention_due: Instant::now(),
            appended: 0,
            removes_unread: false,
            retention_fails: false,
        }
    }

    /// Appends until no sender is left, then closes the log.
    pub(crate) fn run(mut self, appends: &Receiver<Append>) {
        loop {
            let idle = self.retention_due.saturating_duration_since(Instant::now());
            match appends.recv_timeout(idle) {
                Ok(first) => {
                    self.append(std::iter::once(first).chain(appends.try_iter()).collect())
                }
                Err(RecvTimeoutError::Timeout) => self.apply_retention(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.appended >= Self::RETENTION_EVERY_RECORDS {
                self.apply_retention();
            }
        }
    }

    fn append(&mut self, appends: Vec<Append>) {
        let batches: Vec<_> = appends
            .iter()
            .map(|append| (append.partition, records(&append.events, &self.source)))
            .collect();
        self.appended += appends
            .iter()
            .map(|append| append.events.len())
            .sum::<usize>();
        let result = self.writer.append_encoded(&batches);
        for (index, append) in appends.into_iter().enumerate() {
            // The relay goes on with the events, so they are dropped first.
            drop(append.events);
            // A task that was dropped no longer waits for the answer.
            drop(append.done.send(match &result {
                Ok(offsets) => Ok(offsets[index]),
                Err(AppendError::TooLarge { .. }) => Err(SendError::TooLarge),
                Err(AppendError::DiskFull(_)) => Err(SendError::Unavailable(Reason::new(
                    "the disk of the log is full",
                ))),
                Err(error) => Err(SendError::unavailable(error)),
            }));
        }
    }

    fn apply_retention(&mut self) {
        self.retention_due = Instant::now() + Self::RETENTION_EVERY;
        self.appended = 0;
        let now = UnixMillis::from(SystemTime::now());
        let result = self
            .writer
            .apply_retention(now.as_i64(), Some(&self.groups));
        if let Err(error) = &result
            && !self.retention_fails
        {
            warn!(
                error = in_words(error),
                "old events can't be removed from the log"
            );
        }
        self.retention_fails = result.is_err();
        let removed = result.unwrap_or_default();
        if removed.unread > 0 && !self.removes_unread {
            warn!(
                events = removed.unread,
                groups = %self.groups.display(),
                "events are removed that a consumer group has not read; start its consumer, keep \
                 more, or delete the file of a group that is no longer used",
            );
        }
        if removed.records > 0 {
            self.removes_unread = removed.unread > 0;
        }
        metrics::unread_removed(removed.unread);
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;
    use user_metadata_log::{Batch, DataDir, GroupPositions, LogOptions, LogRecord};

    use super::*;
    use crate::testing::Lines;

    #[test]
    fn removing_what_a_group_has_not_read_is_one_warning_until_it_keeps_up() {
        let (lines, _guard) = Lines::collect();
        let scratch = tempfile::tempdir().unwrap();
        let dir = DataDir::new(scratch.path());
        let mut options = LogOptions::default();
        options.retention = Some(Duration::ZERO);
        let writer = LogWriter::open(dir.topic_path(), options).unwrap();
        let mut thread = LogThread::new(writer, dir.groups_path(), "/here".to_owned());
        let mut group = GroupPositions::open(&dir, "group").unwrap();
        let mut remove = |read| {
            group.commit(&[(0, read)]).unwrap();
            let batch = Batch {
                partition: 0,
                records: &[LogRecord::default(), LogRecord::default()],
            };
            thread.writer.append(&[batch]).unwrap();
            thread.apply_retention();
            lines.of(Level::WARN).len()
        };
        assert_eq!([remove(2), remove(3), remove(3), remove(8)], [0, 1, 1, 1]);
        assert_eq!(remove(8), 2);
        let warnings = lines.of(Level::WARN);
        assert!(warnings[0].contains("a consumer group has not read"));
        assert!(warnings[0].contains("events=1"), "{warnings:?}");
        assert!(warnings[1].contains("events=2"), "{warnings:?}");
    }
}
