//! Commits beside the reading: the broker takes some 6 ms for each, so none waits for one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use krafka::consumer::{Consumer, OffsetAndMetadata, TopicPartition};
use tokio::sync::watch;
use tokio::time::Instant;

use super::ConsumeError;
use super::classify::{deadline, is_rebalance};
use super::incident::Incident;

/// Between two commits: one tells as much as ten would, and each costs the broker more than reading
/// the batch that it is for.
const PAUSE: Duration = Duration::from_millis(100);

/// The next offset to be read of each partition.
type Positions = BTreeMap<u32, u64>;

/// What the group has yet to be told, and whom it would be right to believe.
#[derive(Debug, Default)]
struct Pending {
    positions: Positions,
    /// How often an assignment, or another place to go on at, was announced to the caller.
    announcements: u64,
    /// Per partition of this member, which announcement gave it.
    given: BTreeMap<u32, u64>,
    /// Since when there are positions and none was told.
    since: Option<Instant>,
}

impl Pending {
    /// To be called after every change of the positions.
    fn note(&mut self) {
        self.since = match self.since {
            _ if self.positions.is_empty() => None,
            None => Some(Instant::now()),
            since => since,
        };
    }
}

/// Shared between the caller, who knows the positions, the listener, who knows the partitions, and
/// the task, which tells the group.
#[derive(Debug, Clone, Default)]
pub(super) struct Commits {
    pending: watch::Sender<Pending>,
    failure: Arc<Mutex<Option<Arc<ConsumeError>>>>,
}

impl Commits {
    /// Takes where reading starts in partitions of this member, before the caller has any of it.
    pub(super) fn start(&self, positions: &[(u32, u64)]) {
        let announcements = self.pending.borrow().announcements;
        self.push(positions, announcements);
    }

    /// Takes positions from a caller that has seen `announcements`. One of a partition that was
    /// lost and given back since then would put the group back behind what another member has
    /// committed meanwhile.
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
            pending.note();
        });
    }

    /// Notes that the caller will be told to own exactly these partitions; call it before the
    /// caller can know.
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
            pending.note();
        });
    }

    /// Notes that the caller will be told that a partition goes on at `start`, which is told the
    /// group, too; call it before the caller can know. What it says until then is of no use.
    pub(super) fn restart(&self, partition: u32, start: u64) {
        self.pending.send_modify(|pending| {
            pending.announcements += 1;
            if let Some(given) = pending.given.get_mut(&partition) {
                *given = pending.announcements;
                pending.positions.insert(partition, start);
                pending.note();
            }
        });
    }

    /// Why the last attempt failed.
    pub(super) fn failure(&self) -> Option<Arc<ConsumeError>> {
        self.lock_failure().clone()
    }

    /// For how long nothing was told although there is something to tell.
    pub(super) fn untold_for(&self) -> Option<Duration> {
        let since = self.pending.borrow().since;
        since.map(|since| since.elapsed())
    }

    /// Waits until nothing is left to tell. Cancel safe.
    pub(super) async fn settled(&self) {
        let mut pending = self.pending.subscribe();
        let settled = pending.wait_for(|pending| pending.positions.is_empty());
        // An error would say that the sender is gone; it is here.
        drop(settled.await);
    }

    fn lock_failure(&self) -> MutexGuard<'_, Option<Arc<ConsumeError>>> {
        // No code panics while it holds the lock.
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task's side.
pub(super) struct Committer {
    pub(super) consumer: Arc<Consumer>,
    pub(super) topic: String,
    pub(super) request_timeout: Duration,
    /// How long a rebalance takes at most.
    pub(super) rebalance_timeout: Duration,
    pub(super) commits: Commits,
}

/// krafka goes on as a member under an instance id that another one has by now.
fn stranded() -> ConsumeError {
    ConsumeError::Unavailable("the group takes no commits of this member".into())
}

impl Committer {
    /// Tells the group what is pending, again and again until it is told. Returns when Kafka
    /// refuses it for good, or when this member is none any more and krafka does not notice.
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

    /// Whether no rebalance can be the reason any more.
    fn is_stranded(&self) -> bool {
        let limit = self.rebalance_timeout * 2;
        self.commits
            .untold_for()
            .is_some_and(|untold| untold >= limit)
    }

    /// Returns whether the group knows; during a rebalance it does not listen.
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
        let told = deadline(self.request_timeout, commit).await?;
        if told {
            self.commits.pending.send_modify(|pending| {
                pending
                    .positions
                    .retain(|partition, offset| positions.get(partition) != Some(offset));
                pending.since = None;
                pending.note();
            });
        }
        Ok(told)
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
    fn a_later_position_takes_the_place_of_an_earlier_one() {
        let commits = Commits::default();
        announce(&commits, &[0, 1]);
        commits.push(&[(0, 3), (1, 4)], 1);
        commits.push(&[(0, 5)], 1);
        assert_eq!(pending(&commits), [(0, 5), (1, 4)]);
    }

    #[tokio::test]
    async fn where_reading_starts_is_told_before_the_partition_goes() {
        let commits = Commits::default();
        announce(&commits, &[0]);
        commits.start(&[(0, 7), (1, 7)]);
        assert_eq!(pending(&commits), [(0, 7)]);
        let soon = Duration::from_millis(1);
        let settled = tokio::time::timeout(soon, commits.settled()).await;
        assert!(settled.is_err(), "nobody was told");
        announce(&commits, &[]);
        commits.settled().await;
    }

    #[test]
    fn a_partition_that_is_taken_away_takes_its_position_along() {
        let commits = Commits::default();
        announce(&commits, &[0, 1]);
        commits.push(&[(0, 3), (1, 4)], 1);
        announce(&commits, &[1]);
        assert_eq!(pending(&commits), [(1, 4)]);
        commits.push(&[(0, 3)], 1);
        assert_eq!(pending(&commits), [(1, 4)]);
    }

    #[test]
    fn a_caller_that_has_not_seen_a_partition_go_and_come_back_commits_nothing_of_it() {
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
