use tracing::{error, warn};
use user_metadata_events::Record;
use user_metadata_log::{LogReader, LogRecord, ReadError, StoredRecord};

use crate::pipeline::{Fetched, Input, LossCause, to_unix_millis};

/// A log, and how far it has been read.
pub(crate) struct Topic {
    reader: LogReader,
    /// Per partition the next offset to read.
    next: Vec<u64>,
    /// The partition that is read first, so that each gets its turn.
    first: usize,
    /// The last poll found records, so there may be more.
    has_more: bool,
    losses: Vec<Input>,
}

impl Topic {
    /// The most bytes that are read of one partition at a time.
    const MAX_BYTES: usize = 8 << 20;

    pub(crate) fn new(reader: LogReader, next: Vec<u64>) -> Self {
        Self {
            reader,
            next,
            first: 0,
            has_more: true,
            losses: Vec::new(),
        }
    }

    /// Reads the next records of all partitions; empty if there are none.
    pub(crate) fn read(&mut self, max_records: usize) -> Result<Vec<Fetched>, ReadError> {
        let has_changed = self.reader.changed()?;
        if !has_changed && !self.has_more {
            return Ok(Vec::new());
        }
        // Also after an error: the next call must try again, so that no change is missed.
        self.has_more = true;
        let mut found = Vec::new();
        for turn in 0..self.next.len() {
            let index = (self.first + turn) % self.next.len();
            match self.read_partition(index, max_records - found.len()) {
                Ok(stored) => found.extend(stored),
                // The records first; the error comes again with the next call.
                Err(_) if !found.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        self.first += 1;
        self.has_more = !found.is_empty();
        Ok(found)
    }

    fn read_partition(&mut self, index: usize, max: usize) -> Result<Vec<Fetched>, ReadError> {
        let partition = u32::try_from(index).unwrap_or(u32::MAX);
        if max == 0 {
            return Ok(Vec::new());
        }
        loop {
            let stored = self
                .reader
                .read(partition, self.next[index], max, Self::MAX_BYTES);
            self.next[index] = match stored {
                Ok(stored) => {
                    self.next[index] += stored.len() as u64;
                    let fetched = stored
                        .into_iter()
                        .map(|stored| to_fetched(partition, stored));
                    return Ok(fetched.collect());
                }
                Err(ReadError::Corrupt {
                    offset,
                    next_offset,
                    ..
                }) => {
                    let records = next_offset - offset;
                    error!(
                        partition,
                        offset, records, "records of the log are damaged and lost"
                    );
                    self.lose(records, LossCause::Damage);
                    next_offset
                }
                Err(ReadError::OutOfRange {
                    offset,
                    earliest,
                    end,
                    ..
                }) => {
                    warn!(
                        partition,
                        offset,
                        earliest,
                        end,
                        "the group's offset is no longer available; reading continues at the oldest record"
                    );
                    self.lose(earliest.saturating_sub(offset), LossCause::Retention);
                    earliest
                }
                Err(error) => return Err(error),
            };
        }
    }

    fn lose(&mut self, records: u64, cause: LossCause) {
        self.losses.push(Input::Lost { records, cause });
    }

    /// What was found to be lost since the last call.
    pub(crate) fn take_losses(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.losses)
    }

    /// Per partition the next offset to read.
    pub(crate) fn next_offsets(&self) -> Vec<u64> {
        self.next.clone()
    }

    pub(crate) fn end(&self, partition: u32) -> Result<u64, ReadError> {
        self.reader.end(partition)
    }
}

fn to_fetched(partition: u32, stored: StoredRecord) -> Fetched {
    let LogRecord {
        key,
        value,
        headers,
        timestamp_ms,
    } = stored.record;
    Fetched {
        partition,
        offset: stored.offset,
        replayed_from: None,
        record: Record {
            key,
            value,
            headers,
            timestamp: to_unix_millis(timestamp_ms),
        },
    }
}
