//! A topic in memory that fails on demand, and what else the tests need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fmt::Write;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};
use user_metadata_events::{
    ClientId, ConnectionInfo, EncodedEvent, EventId, UnixMillis, User, UserMetadataEvent,
};

use crate::DropReason;
use crate::transport::{Reason, SendError, Transport};

/// Makes the `n`th event, of `user`. Its id says which it is.
pub(crate) fn event(n: u64, user: &str) -> UserMetadataEvent {
    let at = UnixMillis::new(1_763_856_000_000).unwrap();
    let user = User::new(user, "John", None).unwrap();
    let connection = ConnectionInfo::new(ClientId::from_parts(at, 1));
    let id = EventId::from_parts(at, u128::from(n));
    UserMetadataEvent::new(
        id,
        user,
        user_metadata_events::Metadata::default(),
        connection,
    )
}

/// What happens to one call of `send`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It takes a while.
    Slow(u64),
    /// It fails after this many milliseconds; nothing is stored.
    Unavailable(u64),
    /// It fails after this many milliseconds, although everything is stored.
    AnswerLost(u64),
    /// It fails although the first events, this many, are stored.
    Partial(usize),
    /// From now on the topic has this many partitions.
    Partitions(u32),
}

/// A topic in memory; clones share it.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Mutex<Topic>>);

pub(crate) struct Topic {
    pub(crate) partitions: u32,
    pub(crate) connect_failures: u32,
    /// For the next calls of `send`.
    pub(crate) faults: VecDeque<Fault>,
    /// A batch of more events is too large.
    pub(crate) max_records: usize,
    /// What is stored, by partition: the numbers of the events.
    pub(crate) stored: BTreeMap<u32, Vec<u64>>,
    /// Whose `send` was answered with success, in order.
    pub(crate) acknowledged: Vec<u64>,
    /// Whose `send`, alone, was refused for good.
    pub(crate) refused: Vec<(u64, DropReason)>,
    pub(crate) batches: Vec<usize>,
    busy: BTreeSet<u32>,
}

impl Memory {
    pub(crate) fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self(Arc::new(Mutex::new(Topic {
            partitions: 3,
            connect_failures: 0,
            faults: faults.into_iter().collect(),
            max_records: usize::MAX,
            stored: BTreeMap::new(),
            acknowledged: Vec::new(),
            refused: Vec::new(),
            batches: Vec::new(),
            busy: BTreeSet::new(),
        })))
    }

    /// The process that had batches in flight is gone.
    pub(crate) fn hang_up(&self) {
        self.topic().busy.clear();
    }

    pub(crate) fn topic(&self) -> MutexGuard<'_, Topic> {
        self.0.lock().unwrap()
    }
}

impl Topic {
    fn store(&mut self, partition: u32, events: &[EncodedEvent]) {
        self.stored
            .entry(partition)
            .or_default()
            .extend(events.iter().map(number));
    }

    /// Users called `poison…` are rejected, users called `huge…` are too large.
    fn refusal(&self, events: &[EncodedEvent]) -> Option<(DropReason, SendError)> {
        let is = |event: &EncodedEvent, name: &[u8]| event.key().starts_with(name);
        if events.len() > self.max_records || events.iter().any(|r| is(r, b"huge")) {
            Some((DropReason::TooLarge, SendError::TooLarge))
        } else if events.iter().any(|r| is(r, b"poison")) {
            Some((
                DropReason::Rejected,
                SendError::Rejected("poison".to_owned()),
            ))
        } else {
            None
        }
    }

    fn answer(&mut self, partition: u32, events: &[EncodedEvent]) -> Result<u64, SendError> {
        if let Some((reason, error)) = self.refusal(events) {
            if let [event] = events {
                self.refused.push((number(event), reason));
            }
            return Err(error);
        }
        let offset = self.stored.entry(partition).or_default().len() as u64;
        self.store(partition, events);
        self.acknowledged.extend(events.iter().map(number));
        Ok(offset)
    }
}

/// The number of an event.
fn number(event: &EncodedEvent) -> u64 {
    let id = event.id();
    u64::try_from(id.to_u128() & u128::from(u64::MAX)).unwrap()
}

impl Transport for Memory {
    async fn connect(&self) -> Result<(), SendError> {
        let mut topic = self.topic();
        if topic.connect_failures == 0 {
            return Ok(());
        }
        topic.connect_failures -= 1;
        Err(SendError::Unavailable(Reason::new("connection refused")))
    }

    fn partitions(&self) -> NonZeroU32 {
        NonZeroU32::new(self.topic().partitions).unwrap()
    }

    async fn send(&self, partition: u32, events: Arc<Vec<EncodedEvent>>) -> Result<u64, SendError> {
        let fault = {
            let mut topic = self.topic();
            assert!(
                topic.busy.insert(partition),
                "two batches of a partition in flight"
            );
            topic.batches.push(events.len());
            topic.faults.pop_front().unwrap_or(Fault::None)
        };
        if let Fault::Slow(ms) | Fault::Unavailable(ms) | Fault::AnswerLost(ms) = fault {
            sleep(Duration::from_millis(ms)).await;
        }
        let mut topic = self.topic();
        topic.busy.remove(&partition);
        if let Fault::Partitions(partitions) = fault {
            topic.partitions = partitions;
        }
        if partition >= topic.partitions {
            return Err(SendError::NoSuchPartition);
        }
        let error = SendError::Unavailable(Reason::new("no answer"));
        match fault {
            Fault::Unavailable(_) => Err(error),
            Fault::AnswerLost(_) if topic.refusal(&events).is_none() => {
                topic.store(partition, &events);
                Err(error)
            }
            Fault::Partial(count) if topic.refusal(&events).is_none() => {
                topic.store(partition, &events[..count.min(events.len())]);
                Err(error)
            }
            _ => topic.answer(partition, &events),
        }
    }
}

/// Every line that was logged: level, target, then message and fields.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

impl Lines {
    /// Collects what this thread logs until the guard is dropped.
    pub(crate) fn collect() -> (Self, tracing::subscriber::DefaultGuard) {
        let lines = Self::default();
        let guard = tracing::subscriber::set_default(lines.clone());
        (lines, guard)
    }

    pub(crate) fn of(&self, level: Level) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        let of_level = lines.iter().filter(|line| line.0 == level);
        of_level.map(|line| line.1.clone()).collect()
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("user_metadata")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        self.0
            .lock()
            .unwrap()
            .push((*event.metadata().level(), line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => write!(self.0, " {value:?}").unwrap(),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}
