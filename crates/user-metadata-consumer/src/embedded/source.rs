use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use user_metadata_events::DEFAULT_PARTITIONS;
use user_metadata_log::{DataDir, GroupPositions, LogReader, OpenError, StorageError};

use super::tail::{Command, Tail};
use super::writer::LogTopicWriter;
use crate::BoxError;
use crate::consumer::Reading;
use crate::pipeline::{Input, PartitionOffsets, Source};

/// Reads the embedded log on a thread of its own, which may block. The thread ends when this is
/// dropped.
pub(crate) struct LogSource {
    dir: DataDir,
    commands: Sender<Command>,
    inputs: mpsc::UnboundedReceiver<Result<Input, BoxError>>,
    offsets: SharedOffsets,
    /// Positions that were not sent yet, or whose commit failed.
    uncommitted: BTreeMap<u32, u64>,
    in_flight: Option<InFlight>,
}

/// A commit that the thread was asked for.
struct InFlight {
    positions: Vec<(u32, u64)>,
    answered: oneshot::Receiver<Result<(), StorageError>>,
}

/// The offsets of the partitions, as last seen by the thread.
pub(super) type SharedOffsets = Arc<Mutex<Vec<PartitionOffsets>>>;

pub(super) fn lock(offsets: &SharedOffsets) -> MutexGuard<'_, Vec<PartitionOffsets>> {
    // Nothing panics while it is locked.
    offsets.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LogSource {
    /// Locks the group, and starts reading once the log exists.
    pub(crate) fn open(dir: &DataDir, reading: &Reading, group: &str) -> Result<Self, OpenError> {
        let positions = GroupPositions::open(dir, group)?;
        let path = dir.topic_path();
        match LogReader::open(&path) {
            Ok(_) | Err(OpenError::Missing { .. } | OpenError::Storage { .. }) => {}
            Err(error) => return Err(error),
        }
        let (commands, received) = channel();
        let (sender, inputs) = mpsc::unbounded_channel();
        let offsets = SharedOffsets::default();
        let tail = Tail::new(
            path.clone(),
            positions,
            reading,
            sender,
            Arc::clone(&offsets),
        );
        std::thread::Builder::new()
            .name(format!("log-{group}"))
            .spawn(move || tail.run(&received))
            .map_err(|source| OpenError::Io { path, source })?;
        Ok(Self {
            dir: dir.clone(),
            commands,
            inputs,
            offsets,
            uncommitted: BTreeMap::new(),
            in_flight: None,
        })
    }

    /// Asks the thread to commit what is not committed.
    fn send_commit(&mut self) {
        if self.uncommitted.is_empty() {
            return;
        }
        let positions: Vec<_> = std::mem::take(&mut self.uncommitted).into_iter().collect();
        let (answer, answered) = oneshot::channel();
        let command = Command::Commit {
            positions: positions.clone(),
            answer,
        };
        // If the thread is gone, so is the answer.
        drop(self.commands.send(command));
        self.in_flight = Some(InFlight {
            positions,
            answered,
        });
    }

    /// Waits for the answer to the commit in flight, if there is one.
    async fn await_commit(&mut self) -> Result<(), BoxError> {
        let Some(InFlight {
            positions,
            answered,
        }) = self.in_flight.take()
        else {
            return Ok(());
        };
        let error: BoxError = match answered.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.into(),
            Err(_) => "the thread that reads the log has ended".into(),
        };
        self.uncommitted.extend(positions);
        Err(error)
    }
}

impl Source for LogSource {
    type DeadLetters = LogTopicWriter;

    async fn next(&mut self) -> Result<Input, BoxError> {
        let input = self.inputs.recv().await;
        // Nothing is awaited from here on, so a dropped call has not taken anything.
        drop(self.commands.send(Command::Taken));
        input.unwrap_or_else(|| Err("the thread that reads the log has ended".into()))
    }

    /// Waits only for the previous commit: this one runs while the next batch is written.
    async fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), BoxError> {
        let committed = self.await_commit().await;
        self.uncommitted.extend(positions.iter().copied());
        self.send_commit();
        committed
    }

    fn offsets(&self) -> Vec<PartitionOffsets> {
        lock(&self.offsets).clone()
    }

    fn dead_letters(&self) -> LogTopicWriter {
        let partitions = u32::try_from(lock(&self.offsets).len());
        let partitions = partitions.ok().and_then(NonZeroU32::new);
        LogTopicWriter::new(
            self.dir.dead_letters_path(),
            partitions.unwrap_or(DEFAULT_PARTITIONS),
        )
    }

    async fn close(mut self) {
        if self.await_commit().await.is_err() {
            self.send_commit();
        }
        if let Err(error) = self.await_commit().await {
            tracing::warn!(
                error,
                "the last positions are not committed; their records will be read again"
            );
        }
        drop(self.commands);
        // The thread drops its sender when it ends.
        while self.inputs.recv().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU16, NonZeroUsize};
    use std::time::Duration;

    use user_metadata_log::{Batch, LogOptions, LogRecord, LogWriter};

    use super::*;
    use crate::StartFrom;
    use crate::pipeline::BatchLimits;

    #[tokio::test]
    async fn the_thread_reads_no_further_than_one_input_ahead() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::new(dir.path());
        let mut writer = LogWriter::open(data.topic_path(), LogOptions::default()).unwrap();
        let records = vec![LogRecord::default(); 5];
        let batch = Batch {
            partition: 0,
            records: &records,
        };
        writer.append(&[batch]).unwrap();
        let reading = Reading {
            topic: "user-metadata".to_owned(),
            partitions: DEFAULT_PARTITIONS,
            replication_factor: NonZeroU16::MIN,
            start_from: StartFrom::Earliest,
            limits: BatchLimits {
                max_events: NonZeroUsize::MIN,
                max_wait: Duration::ZERO,
            },
            #[cfg(feature = "kafka")]
            membership: Default::default(),
        };
        let mut source = LogSource::open(&data, &reading, "group.own").unwrap();
        assert!(matches!(source.next().await, Ok(Input::Assigned(all)) if all == [0, 1, 2]));
        for offset in 0..5 {
            let Ok(Input::Records(records)) = source.next().await else {
                panic!("no record")
            };
            assert_eq!((records.len(), records[0].offset), (1, offset));
            // The answer comes after the thread has noticed that the records were taken, and the
            // next call waits for it.
            source.commit(&[(0, offset + 1)]).await.unwrap();
            source.commit(&[]).await.unwrap();
            assert!(source.inputs.len() <= 1, "it reads on and on");
        }
        assert_eq!(source.offsets()[0].lag_records(), 0);
        source.close().await;
    }
}
