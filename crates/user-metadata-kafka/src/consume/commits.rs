//! Commits beside the reading: the broker takes some 6 ms for each, so none waits for one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use krafka::consumer::{Consumer, OffsetAndMetadata, TopicPartition};
use tokio::sync::watch;

use super::ConsumeError;
use super::classify::{deadline, is_rebalance};
use super::incident::Incident;

/// The next offset to be read of each partition.
type Positions = BTreeMap<u32, u64>;

/// What the group has yet to be told, shared between the caller, who knows, and the task, which
/// tells.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits {
    pending: watch::Sender<Positions>,
    failure: Arc<Mutex<Option<ConsumeError>>>,
}

impl Commits {
    pub(super) fn push(&self, positions: &[(u32, u64)]) {
        self.pending
            .send_modify(|pending| pending.extend(positions.iter().copied()));
    }

    /// Why the last attempt failed, once.
    pub(super) fn take_failure(&self) -> Option<ConsumeError> {
        self.failure().take()
    }

    /// Waits until nothing is left to tell. Cancel safe.
    pub(super) async fn settled(&self) {
        let mut pending = self.pending.subscribe();
        // An error would say that the sender is gone; it is here.
        let _ = pending.wait_for(BTreeMap::is_empty).await.is_ok();
    }

    fn failure(&self) -> MutexGuard<'_, Option<ConsumeError>> {
        // No code panics while it holds the lock.
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task's side.
pub(super) struct Committer {
    pub(super) consumer: Arc<Consumer>,
    pub(super) topic: String,
    pub(super) request_timeout: Duration,
    pub(super) commits: Commits,
}

impl Committer {
    /// Tells the group what is pending, again and again until it is told. Returns when Kafka
    /// refuses it for good.
    pub(super) async fn run(&self) -> ConsumeError {
        let mut pending = self.commits.pending.subscribe();
        let mut incident = Incident::default();
        loop {
            let wanted = pending.wait_for(|pending| !pending.is_empty()).await;
            let positions = wanted.map(|positions| positions.clone());
            let wait = match self.commit(positions.unwrap_or_default()).await {
                Ok(true) => {
                    incident.end();
                    self.commits.take_failure();
                    continue;
                }
                Ok(false) => incident.failed(),
                Err(error) if error.is_retriable() => {
                    *self.commits.failure() = Some(error);
                    incident.failed()
                }
                Err(error) => return error,
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Returns whether the group knows; during a rebalance it does not listen.
    async fn commit(&self, positions: Positions) -> Result<bool, ConsumeError> {
        let owned = self.consumer.assignment().await;
        let owned = owned.get(&self.topic).map(Vec::as_slice);
        let offsets: Vec<_> = positions
            .iter()
            .filter_map(|(partition, offset)| {
                let partition = i32::try_from(*partition).ok()?;
                // The others are somebody else's by now.
                owned?.contains(&partition).then_some(())?;
                let offset = OffsetAndMetadata::new(i64::try_from(*offset).ok()?);
                Some((TopicPartition::new(&self.topic, partition), offset))
            })
            .collect();
        let commit = async {
            match self.consumer.commit_offsets(offsets).await {
                Err(error) if is_rebalance(&error) => Ok(false),
                answer => answer.map(|()| true),
            }
        };
        let told = deadline(self.request_timeout, commit).await?;
        if told {
            self.commits.pending.send_modify(|pending| {
                pending.retain(|partition, offset| positions.get(partition) != Some(offset));
            });
        }
        Ok(told)
    }
}
