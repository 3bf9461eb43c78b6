//! Commits run beside reading: each takes a broker about 6 ms, and reading does not wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use krafka::consumer::{Consumer, OffsetAndMetadata, TopicPartition};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ConsumeError;
use super::classify::{deadline, is_rebalance};
use super::incident::Incident;

/// The pause between two commits. One commit of the latest positions is as good as ten, and each
/// costs the broker more than reading the batch that it is for.
const PAUSE: Duration = Duration::from_millis(100);

/// Per partition, the next offset to read.
type Positions = BTreeMap<u32, u64>;

/// The positions that are not committed yet, and which of the caller's positions are still valid.
#[derive(Debug, Default)]
struct Pending {
    positions: Positions,
    /// How often the caller was notified of an assignment or of a new start offset.
    announcements: u64,
    /// Per partition of this member, the number of the announcement that assigned it.
    given: BTreeMap<u32, u64>,
    /// Since when there have been positions without a successful commit.
    since: Option<Instant>,
}

impl Pending {
    /// Must be called after every change of the positions.
    fn update_since(&mut self) {
        self.since = match self.since {
            _ if self.positions.is_empty() => None,
            None => Some(Instant::now()),
            since => since,
        };
    }
}

/// Shared between the caller, who knows the positions, the listener, which knows the partitions, and
/// the task that commits.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits {
    pending: watch::Sender<Pending>,
    failure: Arc<Mutex<Option<Arc<ConsumeError>>>>,
}

impl Commits {
    /// Takes the start offsets of partitions of this member, before the caller has any record of
    /// them.
    pub(super) fn start(&self, positions: &[(u32, u64)]) {
        let announcements = self.pending.borrow().announcements;
        self.push(positions, announcements);
    }

    /// Takes positions from a caller that has seen `announcements`. A position of a partition that
    /// was lost and assigned again since then would move the group back behind what another member
    /// has committed in between.
    pub(super) fn push(&self, positions: &[(u32, u64)], announcements: u64) {
        self.pending.send_modify(|pending| {
            let given = &pending.given;
            let is_known = |partition: &u32| {
                let given = given.get(partition);
                given.is_some_and(|announcement| *announcement <= announcements)
            };
            pending.positions.extend(
                positions
                    .iter()
                    .copied()
                    .filter(|(partition, _)| is_known(partition)),
            );
            pending.update_since();
        });
    }

    /// Notes that the caller is about to be notified that it owns exactly these partitions. Must be
    /// called before the notification.
    pub(super) fn announce(&self, partitions: &BTreeSet<u32>) {
        self.pending.send_modify(|pending| {
            pending.announcements += 1;
            pending
                .positions
                .retain(|partition, _| partitions.contains(partition));
            pending
                .given
                .retain(|partition, _| partitions.contains(partition));
            for partition in partitions {
                let given = pending.given.entry(*partition);
                given.or_insert(pending.announcements);
            }
            pending.update_since();
        });
    }

    /// Notes that the caller is about to be notified that a partition continues at `start`, which is
    /// committed, too. Must be called before the notification. Positions from before it are ignored.
    pub(super) fn restart(&self, partition: u32, start: u64) {
        self.pending.send_modify(|pending| {
            pending.announcements += 1;
            if let Some(given) = pending.given.get_mut(&partition) {
                *given = pending.announcements;
                pending.positions.insert(partition, start);
                pending.update_since();
            }
        });
    }

    /// Why the last attempt failed.
    pub(super) fn failure(&self) -> Option<Arc<ConsumeError>> {
        self.lock_failure().clone()
    }

    /// For how long positions have been waiting without a successful commit.
    pub(super) fn uncommitted_for(&self) -> Option<Duration> {
        let since = self.pending.borrow().since;
        since.map(|since| since.elapsed())
    }

    /// Waits until nothing is left to commit. Cancel safe.
    pub(super) async fn settled(&self) {
        let mut pending = self.pending.subscribe();
        let settled = pending.wait_for(|pending| pending.positions.is_empty());
        // It fails only if the sender is gone, and `self` holds it.
        drop(settled.await);
    }

    fn lock_failure(&self) -> MutexGuard<'_, Option<Arc<ConsumeError>>> {
        // No code panics while it holds the lock.
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side of the task.
pub(super) struct Committer {
    pub(super) consumer: Arc<Consumer>,
    pub(super) topic: String,
    pub(super) request_timeout: Duration,
    /// How long a rebalance takes at most.
    pub(super) rebalance_timeout: Duration,
    pub(super) commits: Commits,
}

/// krafka does not notice that another process has taken this instance id.
fn stranded() -> ConsumeError {
    ConsumeError::Unavailable("the group accepts no commits from this member".into())
}

impl Committer {
    /// Commits what is pending, and retries until it is committed. Returns when Kafka refuses it for
    /// good, or when this member has lost its membership and krafka does not notice.
    pub(super) async fn run(&self) -> ConsumeError {
        let mut pending = self.commits.pending.subscribe();
        let mut incident = Incident::default();
        loop {
            let wanted = pending.wait_for(|pending| !pending.positions.is_empty());
            let positions = wanted.await.map(|pending| pending.positions.clone());
            let wait = match self.commit(positions.unwrap_or_default()).await {
                Ok(true) => {
                    incident.end();
                    *self.commits.lock_failure() = None;
                    PAUSE
                }
                Ok(false) if self.is_stranded() => return stranded(),
                Ok(false) => incident.failed(),
                Err(error) if error.is_retriable() => {
                    *self.commits.lock_failure() = Some(Arc::new(error));
                    incident.failed()
                }
                Err(error) => return error,
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Whether this takes too long for a rebalance to be the reason.
    fn is_stranded(&self) -> bool {
        let limit = self.rebalance_timeout * 2;
        self.commits
            .uncommitted_for()
            .is_some_and(|uncommitted| uncommitted >= limit)
    }

    /// Returns whether it is committed; during a rebalance the group accepts no commits.
    async fn commit(&self, positions: Positions) -> Result<bool, ConsumeError> {
        let offsets: Vec<_> = positions
            .iter()
            .filter_map(|(partition, offset)| {
                let partition = i32::try_from(*partition).ok()?;
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
        let committed = deadline(self.request_timeout, commit).await?;
        if committed {
            self.commits.pending.send_modify(|pending| {
                pending
                    .positions
                    .retain(|partition, offset| positions.get(partition) != Some(offset));
                pending.since = None;
                pending.update_since();
            });
        }
        Ok(committed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announce(commits: &Commits, partitions: &[u32]) {
        commits.announce(&partitions.iter().copied().collect());
    }

    fn pending(commits: &Commits) -> Vec<(u32, u64)> {
        let pending = commits.pending.borrow();
        pending.positions.iter().map(|(p, o)| (*p, *o)).collect()
    }

    #[test]
    fn a_later_position_replaces_an_earlier_one() {
        let commits = Commits::default();
        announce(&commits, &[0, 1]);
        commits.push(&[(0, 3), (1, 4)], 1);
        commits.push(&[(0, 5)], 1);
        assert_eq!(pending(&commits), [(0, 5), (1, 4)]);
    }

    #[tokio::test]
    async fn a_start_offset_is_committed_before_the_partition_is_revoked() {
        let commits = Commits::default();
        announce(&commits, &[0]);
        commits.start(&[(0, 7), (1, 7)]);
        assert_eq!(pending(&commits), [(0, 7)]);
        let soon = Duration::from_millis(1);
        let settled = tokio::time::timeout(soon, commits.settled()).await;
        assert!(settled.is_err(), "nothing was committed");
        announce(&commits, &[]);
        commits.settled().await;
    }

    #[test]
    fn the_position_of_a_revoked_partition_is_dropped() {
        let commits = Commits::default();
        announce(&commits, &[0, 1]);
        commits.push(&[(0, 3), (1, 4)], 1);
        announce(&commits, &[1]);
        assert_eq!(pending(&commits), [(1, 4)]);
        commits.push(&[(0, 3)], 1);
        assert_eq!(pending(&commits), [(1, 4)]);
    }

    #[test]
    fn a_position_from_before_a_partition_was_lost_and_assigned_again_is_ignored() {
        let commits = Commits::default();
        announce(&commits, &[0, 1]);
        announce(&commits, &[1]);
        announce(&commits, &[0, 1]);
        for seen in [1, 2] {
            commits.push(&[(0, 3)], seen);
            assert_eq!(pending(&commits), []);
        }
        commits.push(&[(0, 3), (1, 4)], 3);
        assert_eq!(pending(&commits), [(0, 3), (1, 4)]);
    }
}
