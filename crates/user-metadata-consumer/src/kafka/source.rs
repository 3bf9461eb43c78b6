use std::time::Duration;

use user_metadata_events::Record;
use user_metadata_kafka::{
    GroupConsumer, GroupEvent, GroupRecord, KafkaOptions, KafkaRecord, TopicSpec,
};

use super::writer::KafkaTopicWriter;
use crate::BoxError;
use crate::pipeline::{
    Fetched, Input, LossCause, PartitionOffsets, Source, in_words, to_unix_millis,
};

/// Reads a Kafka topic as one member of a group.
pub(crate) struct KafkaSource {
    consumer: GroupConsumer,
    options: KafkaOptions,
    dead_letters: TopicSpec,
}

/// How long a commit may take before it is reported.
const PATIENCE: Duration = Duration::from_secs(15);

impl KafkaSource {
    pub(super) const fn new(
        consumer: GroupConsumer,
        options: KafkaOptions,
        dead_letters: TopicSpec,
    ) -> Self {
        Self {
            consumer,
            options,
            dead_letters,
        }
    }
}

impl Source for KafkaSource {
    type DeadLetters = KafkaTopicWriter;

    async fn next(&mut self) -> Result<Input, BoxError> {
        loop {
            return Ok(match self.consumer.next().await? {
                GroupEvent::Records(records) => {
                    Input::Records(records.into_iter().map(to_fetched).collect())
                }
                GroupEvent::Assigned(partitions) => Input::Assigned(partitions),
                GroupEvent::Left => Input::Left,
                GroupEvent::Revoking(_) => Input::Revoking,
                GroupEvent::OffsetReset { from, to, .. } => Input::Lost {
                    records: to.saturating_sub(from),
                    cause: LossCause::Retention,
                },
                GroupEvent::Unavailable { reason } => Input::Unavailable { reason },
                GroupEvent::Recovered => Input::Recovered,
                _ => continue,
            });
        }
    }

    async fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), BoxError> {
        self.consumer.commit(positions);
        // The member retries by itself; a rebalance or a short outage is not reported.
        let untold = self.consumer.uncommitted_for();
        if untold.is_none_or(|untold| untold < PATIENCE) {
            return Ok(());
        }
        let error = self.consumer.last_commit_error();
        let shared_out = || "the group is rebalancing".to_owned();
        Err(error
            .map_or_else(shared_out, |error| in_words(&*error))
            .into())
    }

    fn offsets(&self) -> Vec<PartitionOffsets> {
        let lag = self.consumer.lag().into_iter().map(|lag| PartitionOffsets {
            partition: lag.partition,
            position: lag.position,
            end: lag.end,
        });
        lag.collect()
    }

    fn dead_letters(&self) -> KafkaTopicWriter {
        KafkaTopicWriter::new(self.options.clone(), self.dead_letters.clone())
    }

    async fn close(self) {
        if let Err(error) = self.consumer.close().await {
            tracing::warn!(error = %error, "could not leave the group; it will notice after the session timeout");
        }
    }
}

pub(crate) fn to_fetched(fetched: GroupRecord) -> Fetched {
    let KafkaRecord {
        key,
        value,
        headers,
        timestamp_ms,
    } = fetched.record;
    Fetched {
        partition: fetched.partition,
        offset: fetched.offset,
        replayed_from: None,
        record: Record {
            key,
            value,
            headers,
            timestamp: to_unix_millis(timestamp_ms),
        },
    }
}
