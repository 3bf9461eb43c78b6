use std::collections::BTreeMap;
use std::path::Path;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;
use user_metadata_log::{DataDir, GroupPositions, LogReader, OpenError, ReadError};

use super::error::ReplayError;
use super::inputs::ReplayInputs;
use super::plan::ReplayPlan;
use super::report::Report;
use crate::BoxError;
use crate::embedded::Topic;
use crate::pipeline::{Fetched, Input, PartitionOffsets, Source, delay};

/// Reads a part of an embedded log, while it is being written and consumed.
pub(crate) struct LogReplay {
    /// `None` while the log is being read.
    topic: Option<Topic>,
    reading: Option<Reading>,
    max_events: usize,
    /// The positions of the group, if they are committed.
    positions: Option<GroupPositions>,
    inputs: ReplayInputs,
    /// How often in a row reading has failed.
    failures: u32,
    /// When to try again.
    retry_at: Option<Instant>,
}

type Reading = JoinHandle<(Topic, Result<Vec<Fetched>, ReadError>)>;

impl LogReplay {
    /// Blocks for some milliseconds.
    pub(crate) fn open(dir: &DataDir, path: &Path, plan: ReplayPlan) -> Result<Self, ReplayError> {
        let mut reader = match LogReader::open(path) {
            Err(OpenError::Missing { .. }) => {
                return Err(ReplayError::NoTopic { topic: plan.topic });
            }
            opened => opened?,
        };
        let mut bounds = BTreeMap::new();
        let mut starts = BTreeMap::new();
        for partition in 0..reader.partitions().get() {
            bounds.insert(
                partition,
                reader.earliest(partition)?..reader.end(partition)?,
            );
            if let Some(time) = plan.time() {
                starts.insert(partition, reader.offset_at(partition, time.as_i64())?);
            }
        }
        let group = plan.group.as_deref();
        let positions = group.map(|group| GroupPositions::open(&dir.dead_letter_groups(), group));
        let positions = positions.transpose()?;
        if let Some(positions) = &positions {
            for partition in bounds.keys() {
                let position = positions.position(*partition).map_err(ReadError::from)?;
                starts.extend(position.map(|position| (*partition, position)));
            }
        }
        // Partitions that no sink gets are not read.
        let mut next: Vec<u64> = bounds.values().map(|range| range.end).collect();
        let max_events = plan.max_events;
        let inputs = ReplayInputs::new(plan, "the log", bounds, &starts)?;
        for (partition, start) in inputs.cursor.starts() {
            next[partition as usize] = start;
        }
        Ok(Self {
            topic: Some(Topic::new(reader, next)),
            reading: None,
            max_events,
            positions,
            inputs,
            failures: 0,
            retry_at: None,
        })
    }

    /// Cancel safe: a read in progress is kept.
    async fn read(&mut self) -> Result<(), BoxError> {
        if let Some(mut topic) = self.topic.take() {
            let max = self.max_events;
            self.reading = Some(spawn_blocking(move || {
                let read = topic.read(max);
                (topic, read)
            }));
        }
        let Some(reading) = &mut self.reading else {
            return Err("the log is gone".into());
        };
        let read = reading.await;
        self.reading = None;
        let (mut topic, read) = read?;
        let next = topic.next_offsets();
        self.inputs.ready.extend(topic.take_losses());
        self.topic = Some(topic);
        match read {
            Ok(records) => {
                self.failures = 0;
                self.inputs.read(records, (0..).zip(next));
            }
            Err(error) => {
                self.failures += 1;
                self.retry_at = Some(Instant::now() + delay(self.failures, None));
                self.inputs.unavailable(&error);
            }
        }
        Ok(())
    }
}

impl Source for LogReplay {
    type DeadLetters = Report;

    async fn next(&mut self) -> Result<Input, BoxError> {
        loop {
            if let Some(input) = self.inputs.next().await {
                return Ok(input);
            }
            // The pipeline drops this wait every second, and comes back.
            if let Some(at) = self.retry_at {
                tokio::time::sleep_until(at).await;
                self.retry_at = None;
            }
            self.read().await?;
        }
    }

    async fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), BoxError> {
        let positions = self.inputs.settled(positions);
        if positions.is_empty() {
            return Ok(());
        }
        if let Some(mut group) = self.positions.take() {
            let to_commit = positions.clone();
            let commit = spawn_blocking(move || {
                let committed = group.commit(&to_commit);
                (group, committed)
            });
            let (group, committed) = commit.await?;
            self.positions = Some(group);
            committed?;
        }
        self.inputs.committed(&positions);
        Ok(())
    }

    fn offsets(&self) -> Vec<PartitionOffsets> {
        self.inputs.cursor.offsets()
    }

    fn dead_letters(&self) -> Report {
        self.inputs.report.clone()
    }

    async fn close(mut self) {
        let committed = self.commit(&[]).await;
        self.inputs.cursor.finish(committed);
    }
}
