//! krafka calls this, inside its poll, when the group rebalances.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use krafka::consumer::{ConsumerRebalanceListener, TopicPartition};

use super::GroupEvent;
use super::commits::Commits;
use super::event_queue::{EventQueue, Message};

#[derive(Debug)]
pub(super) struct Listener {
    queue: Arc<EventQueue>,
    commits: Commits,
    handover_timeout: Duration,
    /// The assignment announced last; `None` before the first.
    announced: Mutex<Option<BTreeSet<u32>>>,
}

impl Listener {
    pub(super) fn new(
        queue: Arc<EventQueue>,
        commits: Commits,
        handover_timeout: Duration,
    ) -> Self {
        Self {
            queue,
            commits,
            handover_timeout,
            announced: Mutex::default(),
        }
    }

    fn announced(&self) -> MutexGuard<'_, Option<BTreeSet<u32>>> {
        // No code panics while it holds the lock.
        self.announced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces the assignment after `change`, if it differs.
    fn announce(&self, change: impl FnOnce(&mut BTreeSet<u32>)) {
        let mut announced = self.announced();
        let mut partitions = announced.clone().unwrap_or_default();
        change(&mut partitions);
        if announced.as_ref() != Some(&partitions) {
            self.commits.announce(&partitions);
            let event = GroupEvent::Assigned(partitions.iter().copied().collect());
            *announced = Some(partitions);
            self.queue.push(Message::Event(event));
        }
    }
}

impl ConsumerRebalanceListener for Listener {
    async fn on_partitions_assigned(&self, added: &[TopicPartition]) {
        self.announce(|partitions| partitions.extend(numbers(added)));
    }

    /// Waits for the caller to commit, so that the old and the new owner don't both write the same
    /// records.
    async fn on_partitions_revoked(&self, revoked: &[TopicPartition]) {
        if self.queue.is_closed() {
            return;
        }
        let event = GroupEvent::Revoking(numbers(revoked).collect());
        self.queue.push(Message::Event(event));
        let hand_over = async {
            self.queue.hand_over().await;
            self.commits.settled().await;
        };
        let handed_over = tokio::time::timeout(self.handover_timeout, hand_over).await;
        if handed_over.is_err() {
            tracing::debug!("partitions are released with records still in flight");
        }
        self.announce(|partitions| {
            for partition in numbers(revoked) {
                partitions.remove(&partition);
            }
        });
    }

    async fn on_partitions_lost(&self, _lost: &[TopicPartition]) {
        let mut announced = self.announced();
        self.commits.announce(&BTreeSet::new());
        *announced = None;
        self.queue.push(Message::Event(GroupEvent::Left));
    }
}

fn numbers(partitions: &[TopicPartition]) -> impl Iterator<Item = u32> {
    partitions
        .iter()
        .filter_map(|partition| u32::try_from(partition.partition()).ok())
}
