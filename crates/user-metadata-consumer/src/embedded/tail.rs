use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};
use user_metadata_log::{GroupPositions, LogReader, OpenError, ReadError, StorageError};

use super::source::{SharedOffsets, lock};
use super::topic::Topic;
use crate::BoxError;
use crate::consumer::{Reading, StartFrom};
use crate::pipeline::{Fetched, Input, PartitionOffsets, in_words};

/// A request to the thread.
pub(super) enum Command {
    /// One input was taken.
    Taken,
    Commit {
        positions: Vec<(u32, u64)>,
        answer: oneshot::Sender<Result<(), StorageError>>,
    },
}

/// The thread that reads a log as one group, and keeps the group's positions.
pub(super) struct Tail {
    path: PathBuf,
    positions: GroupPositions,
    start_from: StartFrom,
    max_records: usize,
    sender: mpsc::UnboundedSender<Result<Input, BoxError>>,
    offsets: SharedOffsets,
    /// Inputs that nobody has taken yet.
    waiting: usize,
    topic: Option<Topic>,
    /// The log did not exist at the start.
    was_missing: bool,
    /// Why nothing can be read, as last reported.
    trouble: Option<String>,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
enum TailError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("the group's positions can't be used")]
    Positions(#[source] StorageError),
}

impl Tail {
    /// How long to wait between polls: the shortest after records were found, doubled each time up
    /// to the longest. A poll costs microseconds.
    const SHORTEST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_millis(50);
    /// How often to update the end offsets while nothing is taken.
    const IDLE: Duration = Duration::from_secs(1);

    pub(super) fn new(
        path: PathBuf,
        positions: GroupPositions,
        reading: &Reading,
        sender: mpsc::UnboundedSender<Result<Input, BoxError>>,
        offsets: SharedOffsets,
    ) -> Self {
        Self {
            path,
            positions,
            start_from: reading.start_from,
            max_records: reading.limits.max_events.get(),
            sender,
            offsets,
            waiting: 0,
            topic: None,
            was_missing: false,
            trouble: None,
        }
    }

    /// Reads whenever everything read so far has been taken, until the receiver is gone.
    pub(super) fn run(mut self, commands: &Receiver<Command>) {
        let mut quiet = Self::SHORTEST;
        loop {
            let wait = if self.waiting > 0 {
                self.update_ends();
                Self::IDLE
            } else {
                self.poll();
                quiet = if self.waiting > 0 {
                    Self::SHORTEST
                } else {
                    (quiet * 2).min(Self::LONGEST)
                };
                quiet
            };
            match commands.recv_timeout(wait) {
                Ok(Command::Taken) => self.waiting = self.waiting.saturating_sub(1),
                Ok(Command::Commit { positions, answer }) => {
                    // Nobody waits for the answer if the pipeline was dropped.
                    drop(answer.send(self.commit(&positions)));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Reads, and sends what there is to send.
    fn poll(&mut self) {
        match self.read() {
            Ok(found) => {
                if self.trouble.take().is_some() {
                    info!(path = %self.path.display(), "reading the log again");
                    self.send(Ok(Input::Recovered));
                }
                if !found.is_empty() {
                    self.send(Ok(Input::Records(found)));
                }
            }
            Err(TailError::Open(
                error @ (OpenError::NewerFormat { .. } | OpenError::Foreign { .. }),
            )) => self.send(Err(error.into())),
            Err(error) => self.note(&error),
        }
    }

    /// Reports an error, once.
    fn note(&mut self, error: &TailError) {
        let reason = in_words(error);
        if self.trouble.as_ref() == Some(&reason) {
            return;
        }
        match error {
            TailError::Open(OpenError::Missing { .. }) => info!(reason, "waiting for the log"),
            _ => warn!(reason, "the log can't be read"),
        }
        self.trouble = Some(reason.clone());
        self.send(Ok(Input::Unavailable { reason }));
    }

    fn send(&mut self, input: Result<Input, BoxError>) {
        self.waiting += 1;
        // The receiver is dropped only after the commands have ended.
        drop(self.sender.send(input));
    }

    fn read(&mut self) -> Result<Vec<Fetched>, TailError> {
        let max_records = self.max_records;
        let topic = match &mut self.topic {
            Some(topic) => topic,
            None => self.open()?,
        };
        let found = topic.read(max_records)?;
        let losses = topic.take_losses();
        losses.into_iter().for_each(|lost| self.send(Ok(lost)));
        self.update_ends();
        Ok(found)
    }

    fn open(&mut self) -> Result<&mut Topic, TailError> {
        let mut reader = match LogReader::open(&self.path) {
            Err(error @ OpenError::Missing { .. }) => {
                self.was_missing = true;
                return Err(error.into());
            }
            opened => opened?,
        };
        let mut starts = Vec::new();
        for partition in 0..reader.partitions().get() {
            let position = self.positions.position(partition);
            starts.push(match position.map_err(TailError::Positions)? {
                Some(position) => position,
                None => self.start(&mut reader, partition)?,
            });
        }
        // "Latest" means the end as of now, also after a restart tomorrow.
        self.commit(&numbered(&starts).collect::<Vec<_>>())
            .map_err(TailError::Positions)?;
        let partitions = (0..reader.partitions().get()).collect();
        *lock(&self.offsets) = numbered(&starts)
            .map(|(partition, position)| PartitionOffsets {
                partition,
                position,
                end: position,
            })
            .collect();
        self.send(Ok(Input::Assigned(partitions)));
        Ok(self.topic.insert(Topic::new(reader, starts)))
    }

    fn start(&self, reader: &mut LogReader, partition: u32) -> Result<u64, ReadError> {
        match self.start_from {
            StartFrom::At(time) => reader.offset_at(partition, time.as_i64()),
            // If the log did not exist at the start, all of it is newer than "now".
            StartFrom::Latest if !self.was_missing => reader.end(partition),
            StartFrom::Latest | StartFrom::Earliest => reader.earliest(partition),
        }
    }

    fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), StorageError> {
        self.positions.commit(positions)?;
        let mut offsets = lock(&self.offsets);
        for (partition, position) in positions {
            if let Some(entry) = offsets.get_mut(*partition as usize) {
                entry.position = *position;
                entry.end = entry.end.max(*position);
            }
        }
        Ok(())
    }

    fn update_ends(&self) {
        let Some(topic) = &self.topic else { return };
        for entry in lock(&self.offsets).iter_mut() {
            // An error is reported when the partition is read.
            if let Ok(end) = topic.end(entry.partition) {
                entry.end = end.max(entry.position);
            }
        }
    }
}

fn numbered(offsets: &[u64]) -> impl Iterator<Item = (u32, u64)> {
    (0..).zip(offsets.iter().copied())
}
