//! The caller's side of a group member.

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

/// How long the members have to respond to a rebalance, in addition to the handover timeout. This
/// member's task responds within a second unless the brokers hang.
pub(super) const REBALANCE: Duration = Duration::from_secs(60);

/// A member learns of a rebalance from a heartbeat response, however long its session timeout.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// A member of a consumer group, reading one topic.
///
/// It stays a member for as long as it lives, whether or not [`next`](Self::next) is called: a task
/// of its own polls Kafka, responds to rebalances, and stops fetching while the caller is busy. So
/// a sink may be unavailable for hours without the group taking its partitions away. The topic must
/// exist (`ensure_topic` creates it); reading never creates it.
pub struct GroupConsumer {
    options: GroupOptions,
    request_timeout: Duration,
    messages: mpsc::Receiver<Message>,
    member: JoinHandle<Result<(), ConsumeError>>,
    has_ended: bool,
    has_left: bool,
    assignment: Vec<u32>,
    /// How many [`GroupEvent::Assigned`], [`GroupEvent::Left`] and [`GroupEvent::OffsetReset`] the
    /// caller has received.
    announcements: u64,
    progress: Progress,
    commits: Commits,
    end_offsets: EndOffsets,
}

impl GroupConsumer {
    /// Connects and starts to join the group. The first [`GroupEvent::Assigned`] says that it has
    /// joined.
    ///
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`], within the connect timeout.
    pub async fn join(kafka: &KafkaOptions, options: GroupOptions) -> Result<Self, ConsumeError> {
        let options = options.with_some_id();
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
    /// [`ConsumeError::Refused`] and [`ConsumeError::Undecodable`] end the member. An outage is not
    /// an error: it is reported as [`GroupEvent::Unavailable`], and the member keeps trying.
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
                // The caller coming back is the answer; the receiver may have given up waiting.
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

    /// Commits positions: per partition, the offset after the last processed record.
    ///
    /// Returns at once. The member's task commits in the background and retries if necessary; later
    /// positions replace earlier ones. A position is dropped if its partition was taken away since
    /// the last [`Assigned`](GroupEvent::Assigned) that `next` returned, even if it was assigned
    /// again: its records are read again from the group's position. The same goes for positions
    /// from before an [`OffsetReset`](GroupEvent::OffsetReset) that lie beyond what was received
    /// since. [`close`](Self::close) and the end of a [`Revoking`](GroupEvent::Revoking) wait for
    /// pending commits.
    pub fn commit(&mut self, positions: &[(u32, u64)]) {
        let positions = self.progress.processed(positions);
        self.commits.push(&positions, self.announcements);
    }

    /// For how long positions have been waiting to be committed. A rebalance takes seconds, an
    /// outage as long as it lasts; while commits succeed, this is close to zero.
    #[must_use]
    pub fn uncommitted_for(&self) -> Option<Duration> {
        self.commits.uncommitted_for()
    }

    /// Why the last attempt to commit failed, until one succeeds. A rebalance does not count as a
    /// failure.
    #[must_use]
    pub fn last_commit_error(&self) -> Option<Arc<ConsumeError>> {
        self.commits.failure()
    }

    /// The partitions that this member owns, sorted, as of the last [`GroupEvent::Assigned`].
    #[must_use]
    pub fn assignment(&self) -> &[u32] {
        &self.assignment
    }

    /// How far the group is behind in each partition of this member. The end offsets are a few
    /// seconds old, also while nothing is read; a partition whose end offset is not known yet is
    /// left out.
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

    /// Waits for pending commits, leaves the group, so that other members get the partitions at
    /// once, and ends. A consumer that is dropped does the same in the background.
    ///
    /// # Errors
    ///
    /// [`ConsumeError`] if the group could not be reached within the request timeout plus 5 s; it
    /// notices after the session timeout.
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
        // `set_positions` handles both a rejected offset and a missing one.
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

/// A rebalance starts the heartbeats of all members at the same time. If they stayed in step, one
/// member's heartbeat could coincide with the end of the next rebalance, which another member's
/// heartbeat triggered; krafka then considers itself fenced and loses its partitions. So each
/// member has an interval of its own.
fn heartbeat(session_timeout: Duration) -> Duration {
    let longest = HEARTBEAT.min(session_timeout / 3);
    let random = RandomState::new().hash_one(longest);
    let thousandths = u32::try_from(random % 300).unwrap_or_default();
    longest - longest * thousandths / 1000
}
