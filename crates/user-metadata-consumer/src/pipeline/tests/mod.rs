//! The pipeline with a topic in memory, a sink whose results the test provides, and a clock that
//! stands still as long as any task can run.

mod batches;
mod handover;
mod letters;
mod outages;
mod status;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, Record, TOPIC, UnixMillis, User, UserMetadataEvent,
};

use super::memory::MemoryTopic;
use super::{BatchLimits, End, Fetched, Input, Intake, Monitor, Pipeline};
use crate::status::{ConsumerStatus, SinkStatus};
use crate::{Delivery, Rejection, Sink, SinkError};

const MAX_WAIT: Duration = Duration::from_millis(200);

type Answer = Result<Vec<Rejection>, SinkError>;

/// A sink whose results the test provides.
struct AskingSink {
    /// The results of `prepare`, one after the other.
    prepared: Vec<SinkError>,
    writes: mpsc::UnboundedSender<Write>,
}

/// A batch that the pipeline wants to store.
struct Write {
    batch: Vec<Delivery>,
    at: Instant,
    answer: oneshot::Sender<Answer>,
}

impl Sink for AskingSink {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        self.prepared.pop().map_or(Ok(()), Err)
    }

    async fn write(&mut self, batch: &[Delivery]) -> Answer {
        let (answer, answered) = oneshot::channel();
        let write = Write {
            batch: batch.to_vec(),
            at: Instant::now(),
            answer,
        };
        self.writes.send(write).unwrap();
        answered.await.unwrap()
    }
}

impl Write {
    /// Partition and offset of each event.
    fn places(&self) -> Vec<(u32, u64)> {
        let positions = self.batch.iter().map(|delivery| &delivery.position);
        positions
            .map(|position| (position.partition, position.offset))
            .collect()
    }

    fn answer(self, answer: Answer) {
        self.answer.send(answer).unwrap();
    }

    fn store(self) {
        self.answer(Ok(Vec::new()));
    }
}

fn unavailable() -> Answer {
    Err(SinkError::unavailable("connection refused"))
}

/// A running pipeline and everything around it.
struct Rig {
    topic: MemoryTopic,
    writes: mpsc::UnboundedReceiver<Write>,
    stop: CancellationToken,
    status: ConsumerStatus,
    pipeline: JoinHandle<End>,
}

impl Rig {
    /// Starts a pipeline that owns the partitions 0 to 2 and writes batches of `max_events`.
    fn start(max_events: usize) -> Self {
        Self::start_with(max_events, Vec::new())
    }

    /// The same, with a target that is not ready at first.
    fn start_with(max_events: usize, prepared: Vec<SinkError>) -> Self {
        let (topic, source) = MemoryTopic::new();
        let (sender, writes) = mpsc::unbounded_channel();
        let sink = AskingSink {
            prepared,
            writes: sender,
        };
        let stop = CancellationToken::new();
        let monitor = Monitor::new(&Arc::from("memory"), "group.memory".to_owned());
        let status = ConsumerStatus::new(vec![monitor.shared()]);
        let limits = BatchLimits {
            max_events: NonZeroUsize::new(max_events).unwrap(),
            max_wait: MAX_WAIT,
        };
        let intake = Intake::new(source, monitor, Arc::from(TOPIC), limits);
        let pipeline = Pipeline::new(intake, sink, stop.clone());
        topic.send(Input::Assigned(vec![0, 1, 2]));
        Self {
            topic,
            writes,
            stop,
            status,
            pipeline: tokio::spawn(pipeline.run()),
        }
    }

    /// Puts one event at each of these positions (partition, offset) into the topic.
    fn send(&self, places: impl IntoIterator<Item = (u32, u64)>) {
        let events = places.into_iter().map(|(partition, offset)| {
            let record = event(offset).to_record("/test", None).unwrap();
            Fetched {
                partition,
                offset,
                replayed_from: None,
                record,
            }
        });
        self.topic.send(Input::Records(events.collect()));
    }

    /// Puts a record with this value into partition 0.
    fn send_value(&self, offset: u64, value: Option<&[u8]>) {
        self.topic.send(Input::Records(vec![Fetched {
            partition: 0,
            offset,
            replayed_from: None,
            record: record(value),
        }]));
    }

    async fn write(&mut self) -> Write {
        self.writes.recv().await.expect("the pipeline has ended")
    }

    /// Waits until exactly these positions are committed.
    async fn committed(&mut self, positions: &[(u32, u64)]) {
        let positions = positions.iter().copied().collect();
        let committed = &mut self.topic.committed;
        let waited = committed.wait_for(|committed| *committed == positions);
        tokio::time::timeout(Duration::from_secs(3_600), waited)
            .await
            .expect("this is never committed")
            .expect("the pipeline has ended");
    }

    fn assert_nothing_is_committed(&self) {
        assert!(self.topic.committed.borrow().is_empty());
    }

    fn sink(&self) -> SinkStatus {
        self.status.sinks().remove(0)
    }

    /// Stops the pipeline and waits for its end.
    async fn stopped(self) -> End {
        self.stop.cancel();
        self.pipeline.await.unwrap()
    }
}

/// Waits until the clock advances, which it does once no task can run.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

fn at() -> UnixMillis {
    UnixMillis::new(1_763_856_000_000).unwrap()
}

fn event(number: u64) -> UserMetadataEvent {
    let user = User::new("user-123", format!("John {number}"), None).unwrap();
    let connection = ConnectionInfo::new(ClientId::from_parts(at(), 1));
    let id = EventId::from_parts(at(), number.into());
    UserMetadataEvent::new(id, user, Metadata::default(), connection)
}

fn record(value: Option<&[u8]>) -> Record {
    Record {
        key: Some("user-123".into()),
        value: value.map(Bytes::copy_from_slice),
        headers: vec![("ce_id".to_owned(), "7".into())],
        timestamp: at(),
    }
}
