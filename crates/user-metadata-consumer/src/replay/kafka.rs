use std::collections::{BTreeMap, VecDeque};

use user_metadata_kafka::{ConsumeError, KafkaOptions, TopicReader};

use super::course::Course;
use super::error::ReplayError;
use super::replayer::Ask;
use super::report::Report;
use crate::BoxError;
use crate::kafka::to_fetched;
use crate::pipeline::{Input, Reach, Source, delay, in_words};

/// Reads a part of a Kafka topic, without being a member of a group.
pub(crate) struct KafkaReplay {
    reader: TopicReader,
    course: Course,
    /// Whose positions are kept.
    group: Option<String>,
    uncommitted: BTreeMap<u32, u64>,
    report: Report,
    told: VecDeque<Input>,
    /// How often in a row Kafka has not answered.
    failures: u32,
    has_ended: bool,
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
            (Some(group), _) => reader.committed(group).await?,
            (None, Some(time)) => reader.offsets_at(time.as_i64()).await?,
            (None, None) => BTreeMap::new(),
        };
        let course = ask.course(&bounds, &starts)?;
        reader.start_at(&course.starts()).await?;
        Ok(Self {
            reader,
            told: VecDeque::from([Input::Assigned(bounds.into_keys().collect())]),
            course,
            report: Report::new(ask.progress),
            group: ask.group,
            uncommitted: BTreeMap::new(),
            failures: 0,
            has_ended: false,
        })
    }

    async fn read(&mut self) -> Result<(), ConsumeError> {
        let records = self.reader.next().await?;
        if records.is_empty() {
            // There may be no record up to the end, as behind the last transaction.
            for (partition, _) in self.course.starts() {
                if let Some(position) = self.reader.position(partition).await {
                    self.course.passed(partition, position);
                }
            }
        }
        let records = self
            .course
            .take(records.into_iter().map(to_fetched).collect());
        if std::mem::take(&mut self.failures) > 0 {
            tracing::info!("reading from Kafka again");
            self.told.push_back(Input::Recovered);
        }
        if !records.is_empty() {
            self.told.push_back(Input::Records(records));
        }
        Ok(())
    }

    fn note(&mut self, error: &ConsumeError) {
        self.failures += 1;
        if self.failures == 1 {
            let reason = in_words(error);
            tracing::warn!(reason, "can't read from Kafka; waiting for it");
            self.told.push_back(Input::Unavailable { reason });
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
            if self.failures > 0 {
                tokio::time::sleep(delay(self.failures, None)).await;
            }
            match self.read().await {
                Ok(()) => {}
                Err(error) if error.is_retriable() => self.note(&error),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), BoxError> {
        self.uncommitted.extend(positions.iter().copied());
        let positions: Vec<_> = self.uncommitted.clone().into_iter().collect();
        if let Some(group) = &self.group
            && !positions.is_empty()
        {
            self.reader.commit(group, &positions).await?;
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
        if let Err(error) = self.commit(&[]).await {
            tracing::warn!(
                error,
                "the last positions are not kept; they are read again"
            );
        }
        self.course.finish();
        self.reader.close().await;
    }
}
