use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use user_metadata_kafka::{ConsumeError, GroupRecord, KafkaOptions, TopicReader};

use super::error::ReplayError;
use super::inputs::ReplayInputs;
use super::plan::ReplayPlan;
use super::report::Report;
use crate::BoxError;
use crate::kafka::to_fetched;
use crate::pipeline::{Input, PartitionOffsets, Source, delay};

/// Reads a part of a Kafka topic, without being a member of a group.
pub(crate) struct KafkaReplay {
    reader: Arc<TopicReader>,
    pages: mpsc::Receiver<Page>,
    /// The reading task, which ends with this.
    reading: JoinSet<()>,
    topic: String,
    /// The group whose positions are committed.
    group: Option<String>,
    inputs: ReplayInputs,
}

/// The result of one read.
type Page = Result<Found, ConsumeError>;

struct Found {
    records: Vec<GroupRecord>,
    /// The position of the reader after these records. It may be further by the time they are
    /// taken.
    positions: Vec<(u32, u64)>,
}

impl KafkaReplay {
    pub(crate) async fn open(
        options: &KafkaOptions,
        plan: ReplayPlan,
    ) -> Result<Self, ReplayError> {
        let max_batch = u32::try_from(plan.max_events).unwrap_or(u32::MAX);
        let mut reader = TopicReader::connect(options, &plan.topic, max_batch).await?;
        let Some(bounds) = reader.bounds().await? else {
            return Err(ReplayError::NoTopic { topic: plan.topic });
        };
        let bounds = bounds.into_iter();
        let bounds = bounds.map(|found| (found.partition, found.start..found.end));
        let bounds = bounds.collect();
        let starts = match (&plan.group, plan.time()) {
            (Some(group), _) => reader.admin().committed(group, &plan.topic).await?,
            (None, Some(time)) => reader.offsets_at(time.as_i64()).await?,
            (None, None) => BTreeMap::new(),
        };
        let (topic, group) = (plan.topic.clone(), plan.group.clone());
        let inputs = ReplayInputs::new(plan, "Kafka", bounds, &starts)?;
        reader.start_at(&inputs.cursor.starts()).await?;
        let reader = Arc::new(reader);
        let (sender, pages) = mpsc::channel(1);
        let mut reading = JoinSet::new();
        reading.spawn(read_on(Arc::clone(&reader), sender));
        Ok(Self {
            reader,
            pages,
            reading,
            topic,
            group,
            inputs,
        })
    }
}

/// Reads as long as somebody takes the pages. This is a task of its own because the pipeline drops
/// the wait for a page every second, and a read takes longer while Kafka is unavailable.
async fn read_on(reader: Arc<TopicReader>, sender: mpsc::Sender<Page>) {
    let mut failures = 0;
    while let Ok(permit) = sender.reserve().await {
        let page = match reader.next().await {
            Ok(records) => Ok(Found {
                records,
                positions: reader.positions().await,
            }),
            Err(error) => Err(error),
        };
        failures = if page.is_err() { failures + 1 } else { 0 };
        permit.send(page);
        if failures > 0 {
            tokio::time::sleep(delay(failures, None)).await;
        }
    }
}

impl Source for KafkaReplay {
    type DeadLetters = Report;

    async fn next(&mut self) -> Result<Input, BoxError> {
        loop {
            if let Some(input) = self.inputs.next().await {
                return Ok(input);
            }
            match self.pages.recv().await {
                Some(Ok(Found { records, positions })) => {
                    let records = records.into_iter().map(to_fetched).collect();
                    self.inputs.read(records, positions);
                }
                Some(Err(error)) if error.is_retriable() => self.inputs.unavailable(&error),
                Some(Err(error)) => return Err(error.into()),
                None => return Err("the task that reads has ended".into()),
            }
        }
    }

    async fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), BoxError> {
        let positions = self.inputs.settled(positions);
        if let Some(group) = &self.group
            && !positions.is_empty()
        {
            let admin = self.reader.admin();
            admin.commit(group, &self.topic, &positions).await?;
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
        self.reading.shutdown().await;
        if let Some(reader) = Arc::into_inner(self.reader) {
            reader.close().await;
        }
    }
}
