use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use user_metadata_kafka::{ConsumeError, GroupRecord, KafkaOptions, TopicReader};

use super::ask::Ask;
use super::course::Course;
use super::error::ReplayError;
use super::report::Report;
use crate::BoxError;
use crate::kafka::to_fetched;
use crate::pipeline::{Input, Reach, Source, delay, in_words};

/// Reads a part of a Kafka topic, without being a member of a group.
pub(crate) struct KafkaReplay {
    reader: Arc<TopicReader>,
    pages: mpsc::Receiver<Page>,
    /// The task that reads, which ends with this.
    reading: JoinSet<()>,
    course: Course,
    topic: String,
    /// Whose positions are kept.
    group: Option<String>,
    uncommitted: BTreeMap<u32, u64>,
    report: Report,
    told: VecDeque<Input>,
    /// Kafka has not answered.
    in_trouble: bool,
    has_ended: bool,
}

/// What one look at Kafka has brought.
type Page = Result<Found, ConsumeError>;

struct Found {
    records: Vec<GroupRecord>,
    /// Where the reader stood behind these records. By the time somebody takes them it may be
    /// further.
    positions: Vec<(u32, u64)>,
}

impl KafkaReplay {
    pub(crate) async fn open(options: &KafkaOptions, ask: Ask) -> Result<Self, ReplayError> {
        let max_batch = u32::try_from(ask.max_events).unwrap_or(u32::MAX);
        let mut reader = TopicReader::connect(options, &ask.topic, max_batch).await?;
        let Some(bounds) = reader.bounds().await? else {
            return Err(ReplayError::NoTopic { topic: ask.topic });
        };
        let bounds = bounds.into_iter();
        let bounds = bounds.map(|found| (found.partition, found.start..found.end));
        let bounds = bounds.collect();
        let starts = match (&ask.group, ask.time()) {
            (Some(group), _) => reader.admin().committed(group, &ask.topic).await?,
            (None, Some(time)) => reader.offsets_at(time.as_i64()).await?,
            (None, None) => BTreeMap::new(),
        };
        let course = ask.course(&bounds, &starts)?;
        reader.start_at(&course.starts()).await?;
        let reader = Arc::new(reader);
        let (outlet, pages) = mpsc::channel(1);
        let mut reading = JoinSet::new();
        reading.spawn(read_on(Arc::clone(&reader), outlet));
        Ok(Self {
            reader,
            pages,
            reading,
            told: VecDeque::from([Input::Assigned(bounds.into_keys().collect())]),
            course,
            report: Report::new(ask.progress),
            topic: ask.topic,
            group: ask.group,
            uncommitted: BTreeMap::new(),
            in_trouble: false,
            has_ended: false,
        })
    }

    fn take(&mut self, found: Found) {
        let records = found.records.into_iter().map(to_fetched).collect();
        let records = self.course.take(records);
        // There may be no record up to the end, as behind the last transaction.
        for (partition, position) in found.positions {
            self.course.passed(partition, position);
        }
        if std::mem::take(&mut self.in_trouble) {
            tracing::info!("reading from Kafka again");
            self.told.push_back(Input::Recovered);
        }
        if !records.is_empty() {
            self.told.push_back(Input::Records(records));
        }
    }

    fn note(&mut self, error: &ConsumeError) {
        if !std::mem::replace(&mut self.in_trouble, true) {
            let reason = in_words(error);
            tracing::warn!(reason, "can't read from Kafka; waiting for it");
            self.told.push_back(Input::Unavailable { reason });
        }
    }
}

/// Reads on as long as somebody takes it. A task of its own: whoever waits for a page does other
/// things every second, and a look at a Kafka that is away takes longer.
async fn read_on(reader: Arc<TopicReader>, outlet: mpsc::Sender<Page>) {
    let mut failures = 0;
    while let Ok(place) = outlet.reserve().await {
        let page = match reader.next().await {
            Ok(records) => Ok(Found {
                records,
                positions: reader.positions().await,
            }),
            Err(error) => Err(error),
        };
        failures = if page.is_err() { failures + 1 } else { 0 };
        place.send(page);
        if failures > 0 {
            tokio::time::sleep(delay(failures, None)).await;
        }
    }
}

impl Source for KafkaReplay {
    type DeadLetters = Report;

    async fn next(&mut self) -> Result<Input, BoxError> {
        loop {
            if let Some(input) = self.told.pop_front() {
                return Ok(input);
            }
            if self.has_ended {
                return std::future::pending().await;
            }
            if self.course.is_done() {
                self.has_ended = true;
                return Ok(Input::End);
            }
            match self.pages.recv().await {
                Some(Ok(found)) => self.take(found),
                Some(Err(error)) if error.is_retriable() => self.note(&error),
                Some(Err(error)) => return Err(error.into()),
                None => return Err("the task that reads has ended".into()),
            }
        }
    }

    async fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), BoxError> {
        self.uncommitted.extend(positions.iter().copied());
        let positions: Vec<_> = self.uncommitted.clone().into_iter().collect();
        if let Some(group) = &self.group
            && !positions.is_empty()
        {
            let admin = self.reader.admin();
            admin.commit(group, &self.topic, &positions).await?;
        }
        self.uncommitted.clear();
        self.course.settled(&positions);
        Ok(())
    }

    fn reach(&self) -> Vec<Reach> {
        self.course.reach()
    }

    fn dead_letters(&self) -> Report {
        self.report.clone()
    }

    async fn close(mut self) {
        let kept = self.commit(&[]).await;
        self.course.finish(kept);
        self.reading.shutdown().await;
        if let Some(reader) = Arc::into_inner(self.reader) {
            reader.close().await;
        }
    }
}
