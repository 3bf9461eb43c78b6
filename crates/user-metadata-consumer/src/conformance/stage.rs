use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use user_metadata_events::{EventId, TOPIC, UserMetadataEvent};

use super::events::{PARTITIONS, Sent};
use super::probe::{Answer, Probe, Seen};
use super::violation::Fault;
use crate::Sink;
use crate::pipeline::memory::MemoryTopic;
use crate::pipeline::{BatchLimits, End, Input, Intake, Monitor, Pipeline};

/// How long one delivery may take, including outages and retries.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a batch waits to fill: all but the last are full.
const MAX_WAIT: Duration = Duration::from_millis(20);

/// The controls of a running pipeline: what its sink has done and how far it has committed.
pub(super) struct Stage {
    topic: MemoryTopic,
    seen: Arc<watch::Sender<Seen>>,
    ends: BTreeMap<u32, u64>,
    stop: CancellationToken,
}

/// How a delivery is to end.
pub(super) enum Ending {
    /// Gracefully: the pipeline is asked to stop and does.
    Stop,
    /// At once.
    Crash,
}

impl Stage {
    /// Sets up a pipeline that writes `sent` to `sink` in batches of `batch`.
    pub(super) fn new(
        sink: impl Sink,
        answer: Answer,
        sent: &[Sent],
        batch: usize,
    ) -> Result<(Self, impl Future<Output = End>), Fault> {
        let (topic, source) = MemoryTopic::new();
        let seen = Arc::new(watch::Sender::new(Seen::default()));
        let probe = Probe::new(sink, answer, Arc::clone(&seen));
        let stop = CancellationToken::new();
        let name = Arc::from("conformance");
        let limits = BatchLimits {
            max_events: NonZeroUsize::new(batch).unwrap_or(NonZeroUsize::MIN),
            max_wait: MAX_WAIT,
        };
        let monitor = Monitor::new(&name, name.to_string());
        let intake = Intake::new(source, monitor, Arc::from(TOPIC), limits);
        let pipeline = Pipeline::new(intake, probe, stop.clone());
        let records: Result<_, _> = sent.iter().map(Sent::to_fetched).collect();
        let partitions = (0..PARTITIONS.get()).collect();
        topic.send(Input::Assigned(partitions));
        topic.send(Input::Records(records.map_err(Fault::setup)?));
        let ends = sent.iter().map(|sent| (sent.partition, sent.offset + 1));
        let stage = Self {
            topic,
            seen,
            ends: ends.collect(),
            stop,
        };
        Ok((stage, Box::pin(pipeline.run())))
    }

    /// Waits until everything is committed.
    pub(super) async fn committed(&self) {
        let mut committed = self.topic.committed.clone();
        let all = committed.wait_for(|committed| *committed == self.ends);
        // It fails once the pipeline is gone, and `play` has ended by then.
        drop(all.await);
    }

    /// Waits until `is_it` holds for what the sink has done.
    pub(super) async fn until(&self, is_it: impl Fn(&Seen) -> bool) {
        // The sender is `self.seen`, so it can't be gone.
        drop(self.seen.subscribe().wait_for(is_it).await);
    }

    pub(super) fn has_stored(&self) -> bool {
        self.seen.borrow().stored > 0
    }

    pub(super) fn unavailable(&self) -> usize {
        self.seen.borrow().unavailable
    }

    /// Waits for whichever comes first.
    pub(super) async fn until_committed_or(&self, is_it: impl Fn(&Seen) -> bool) {
        tokio::select! {
            () = self.committed() => {}
            () = self.until(is_it) => {}
        }
    }

    pub(super) fn longest_step(&self) -> Duration {
        self.seen.borrow().longest_step
    }

    /// Runs the pipeline until `script` returns an ending for it. Returns what the sink has
    /// rejected.
    pub(super) async fn play(
        &self,
        pipeline: impl Future<Output = End>,
        script: impl Future<Output = Result<Ending, Fault>>,
    ) -> Result<BTreeSet<EventId>, Fault> {
        let both = async {
            let mut pipeline = pin!(pipeline);
            let ending = tokio::select! {
                end = &mut pipeline => return Err(early(&end)),
                ending = script => ending?,
            };
            if let Ending::Stop = ending {
                self.stop.cancel();
                pipeline.await;
            }
            Ok(())
        };
        let hung = || Fault::Answer {
            expected: "in time",
            got: format!("nothing more had come after {PATIENCE:?}"),
        };
        let played = timeout(PATIENCE, both)
            .await
            .unwrap_or_else(|_| Err(hung()));
        let seen = self.seen.send_replace(Seen::default());
        match seen.fault {
            Some(fault) => Err(fault),
            None => played.map(|()| self.rejected()),
        }
    }

    fn rejected(&self) -> BTreeSet<EventId> {
        let state = self.topic.state();
        let letters = state.dead_letters.iter();
        let events = letters.map(|letter| UserMetadataEvent::decode(letter.value.as_deref()));
        events.filter_map(|event| Some(event.ok()?.id)).collect()
    }
}

fn early(end: &End) -> Fault {
    Fault::Setup(format!("the pipeline ended early: {end:?}").into())
}
