//! The caller's side of a member of a consumer group.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use krafka::consumer::{
    AutoOffsetReset, Consumer, GroupProtocol as Protocol, PartitionAssignmentStrategy,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::classify::classify;
use super::commits::Commits;
use super::end_offsets::EndOffsets;
use super::event_queue::{EventQueue, Message};
use super::fetch::in_batches_of;
use super::listener::Listener;
use super::login::log_in;
use super::member::{CLOSE, Member};
use super::progress::Progress;
use super::{ConsumeError, GroupEvent, GroupOptions, GroupProtocol, PartitionLag};
use crate::KafkaOptions;

/// How long the members have to answer a rebalance, beside the hand-over. Its task answers within
/// a second unless the brokers hang.
pub(super) const REBALANCE: Duration = Duration::from_secs(60);

/// A member learns of a rebalance from the answer to a heartbeat, however long its session.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// A member of a consumer group, reading one topic.
///
/// It stays a member for as long as it lives, whether [`next`](Self::next) is called or not: its
/// own task polls Kafka, answers rebalances, and stops fetching while the caller is busy. So a
/// sink may be away for hours without the group taking the partitions away. The topic must exist
/// (`ensure_topic` makes it); reading never does.
pub struct GroupConsumer {
    options: GroupOptions,
    request_timeout: Duration,
    messages: mpsc::Receiver<Message>,
    member: JoinHandle<Result<(), ConsumeError>>,
    has_ended: bool,
    has_left: bool,
    assignment: Vec<u32>,
    /// How often [`GroupEvent::Assigned`], [`GroupEvent::Left`] or [`GroupEvent::OffsetReset`] was
    /// taken.
    announcements: u64,
    progress: Progress,
    commits: Commits,
    end_offsets: EndOffsets,
}

impl GroupConsumer {
    /// Connects and starts to join the group. The first [`GroupEvent::Assigned`] says that it has.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the connect timeout.
    pub async fn join(kafka: &KafkaOptions, options: GroupOptions) -> Result<Self, ConsumeError> {
        let options = options.identified();
        let (queue, messages) = EventQueue::new();
        let queue = Arc::new(queue);
        let commits = Commits::default();
        let listener = Listener::new(
            Arc::clone(&queue),
            commits.clone(),
            options.handover_timeout(),
        );
        let consumer = connect(kafka, &options, listener).await?;
        let member = Member::new(kafka, options.clone(), consumer, queue, commits.clone());
        Ok(Self {
            options,
            request_timeout: kafka.request_timeout(),
            messages,
            has_ended: false,
            has_left: false,
            assignment: Vec::new(),
            announcements: 0,
            progress: Progress::default(),
            commits,
            end_offsets: member.end_offsets.clone(),
            member: tokio::spawn(member.run()),
        })
    }

    /// Waits for the next event, for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`ConsumeError::Refused`] and [`ConsumeError::Undecodable`] end the member. An outage is no
    /// error: it is [`GroupEvent::Unavailable`], and the member goes on trying.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped call loses no event.
    pub async fn next(&mut self) -> Result<GroupEvent, ConsumeError> {
        while !self.has_ended {
            match self.messages.recv().await {
                Some(Message::Event(event)) => {
                    let is_old = self.has_left && event == GroupEvent::Left;
                    self.note(&event);
                    if !is_old {
                        return Ok(event);
                    }
                }
                Some(Message::Failed(error)) => {
                    self.has_ended = true;
                    return Err(error);
                }
                // That the caller is here again is the answer; nobody may be waiting any more.
                Some(Message::HandOver(dealt_with)) => drop(dealt_with),
                None => self.has_ended = true,
            }
        }
        Err(ConsumeError::Ended)
    }

    fn note(&mut self, event: &GroupEvent) {
        match event {
            GroupEvent::Records(records) => self.progress.took(records),
            GroupEvent::Assigned(partitions) => {
                self.announcements += 1;
                self.has_left = false;
                self.assignment.clone_from(partitions);
                self.progress.keep(partitions);
                self.end_offsets.keep(partitions);
            }
            GroupEvent::Left => {
                self.announcements += 1;
                self.has_left = true;
                self.assignment.clear();
                self.progress.keep(&[]);
                self.end_offsets.keep(&[]);
            }
            GroupEvent::OffsetReset { partition, to, .. } => {
                self.announcements += 1;
                self.progress.reset(*partition, *to);
            }
            GroupEvent::Revoking(_) | GroupEvent::Unavailable { .. } | GroupEvent::Recovered => {}
        }
    }

    /// Commits positions: per partition the offset after the last record that is dealt with.
    ///
    /// Returns at once, and the member's task tells the group, again and again if it has to: later
    /// positions take the place of earlier ones. Those of a partition that was taken away since the
    /// last [`Assigned`](GroupEvent::Assigned) that `next` has returned are dropped, also if it was
    /// given back: its records come again, from where the group stands. So are those of records from
    /// before an [`OffsetReset`](GroupEvent::OffsetReset) that lie beyond what has come since.
    /// [`close`](Self::close) and the end of a [`Revoking`](GroupEvent::Revoking) wait for it.
    pub fn commit(&mut self, positions: &[(u32, u64)]) {
        let positions = self.progress.processed(positions);
        self.commits.push(&positions, self.announcements);
    }

    /// For how long the group has not been told positions that it is to be told. A rebalance takes
    /// seconds, an outage as long as it takes; while commits succeed one after the other it is next
    /// to nothing.
    #[must_use]
    pub fn uncommitted_for(&self) -> Option<Duration> {
        self.commits.uncommitted_for()
    }

    /// Why the last attempt to tell the group has failed, until one succeeds; a rebalance is no
    /// failure.
    #[must_use]
    pub fn last_commit_error(&self) -> Option<Arc<ConsumeError>> {
        self.commits.failure()
    }

    /// The partitions that this member owns, sorted, as the last [`GroupEvent::Assigned`] said.
    #[must_use]
    pub fn assignment(&self) -> &[u32] {
        &self.assignment
    }

    /// How far the group is behind in each partition of this member. The ends are those of a few
    /// seconds ago, also while nothing is read; a partition whose end nobody has seen yet is left
    /// out.
    #[must_use]
    pub fn lag(&self) -> Vec<PartitionLag> {
        self.assignment
            .iter()
            .filter_map(|partition| {
                let end_offset = self.end_offsets.get(*partition)?;
                let position = self.progress.position(*partition, &end_offset);
                Some(PartitionLag {
                    partition: *partition,
                    position,
                    end: end_offset.end.max(position),
                })
            })
            .collect()
    }

    /// Waits until what was committed is told, leaves the group, so that others get the partitions
    /// at once, and ends. A consumer that is dropped instead does the same in the background.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`] when the group could not be told, within the request timeout and 5 s; it
    /// will notice after the session timeout.
    pub async fn close(self) -> Result<(), ConsumeError> {
        let limit = self.request_timeout + CLOSE;
        drop(self.messages);
        match tokio::time::timeout(limit, self.member).await {
            Ok(Ok(left)) => left,
            Ok(Err(panic)) => Err(ConsumeError::Unavailable(panic.into())),
            Err(_) => Err(ConsumeError::Timeout(limit)),
        }
    }
}

impl fmt::Debug for GroupConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupConsumer")
            .field("options", &self.options)
            .field("assignment", &self.assignment)
            .finish_non_exhaustive()
    }
}

pub(super) async fn connect(
    kafka: &KafkaOptions,
    options: &GroupOptions,
    listener: Listener,
) -> Result<Consumer, ConsumeError> {
    let client = log_in(kafka).await?;
    let mut builder = in_batches_of(options.max_batch(), client.consumer(options.group()));
    if let Some(id) = options.instance_id() {
        builder = builder.group_instance_id(id);
    }
    builder
        .group_protocol(match options.protocol() {
            GroupProtocol::Classic => Protocol::Classic,
            GroupProtocol::Consumer => Protocol::Consumer,
        })
        // A position that is refused and one that was never there are told apart in `set_positions`.
        .auto_offset_reset(AutoOffsetReset::None)
        .enable_auto_commit(false)
        .session_timeout(options.session_timeout())
        .heartbeat_interval(heartbeat(options.session_timeout()))
        .max_poll_interval(REBALANCE + options.handover_timeout())
        .partition_assignment_strategy(PartitionAssignmentStrategy::CooperativeSticky)
        .idle_poll_backoff(Duration::from_millis(100))
        .metrics_push(false)
        .rebalance_listener(listener)
        .build()
        .await
        .map_err(classify)
}

/// A rebalance starts the heartbeats of all members at the same time. If they stay in step, one
/// member's heartbeat meets the end of the next rebalance, which another's heartbeat has brought
/// about; krafka then takes itself for fenced and loses its partitions. So each has a beat of its
/// own.
fn heartbeat(session_timeout: Duration) -> Duration {
    let longest = HEARTBEAT.min(session_timeout / 3);
    let random = RandomState::new().hash_one(longest);
    let thousandths = u32::try_from(random % 300).unwrap_or_default();
    longest - longest * thousandths / 1000
}
