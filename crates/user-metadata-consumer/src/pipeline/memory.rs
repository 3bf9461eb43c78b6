//! A topic that a test or the conformance kit holds in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};
use user_metadata_events::Record;

use super::source::{Input, PartitionOffsets, Source};
use crate::{BoxError, Rejection, SinkError, TopicWriter};

/// The test's side of a [`MemorySource`].
pub(crate) struct MemoryTopic {
    inputs: mpsc::UnboundedSender<Result<Input, BoxError>>,
    /// The committed positions.
    pub(crate) committed: watch::Receiver<BTreeMap<u32, u64>>,
    state: Arc<Mutex<State>>,
}

pub(crate) struct MemorySource {
    inputs: mpsc::UnboundedReceiver<Result<Input, BoxError>>,
    committed: watch::Sender<BTreeMap<u32, u64>>,
    uncommitted: BTreeMap<u32, u64>,
    state: Arc<Mutex<State>>,
}

/// A dead-letter topic in memory.
pub(crate) struct DeadLetterBox(Arc<Mutex<State>>);

/// The contents of the topic, and the faults that a test injects.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) dead_letters: Vec<Record>,
    /// Why dead letters can't be appended.
    pub(crate) letters_fail: Option<&'static str>,
    /// The indices of the dead letters that are refused.
    pub(crate) letters_refused: Vec<usize>,
    /// Why nothing can be committed.
    pub(crate) commits_fail: Option<&'static str>,
    pub(crate) offsets: Vec<PartitionOffsets>,
}

impl MemoryTopic {
    pub(crate) fn new() -> (Self, MemorySource) {
        let (inputs, receiver) = mpsc::unbounded_channel();
        let (sender, committed) = watch::channel(BTreeMap::new());
        let state = Arc::default();
        let source = MemorySource {
            inputs: receiver,
            committed: sender,
            uncommitted: BTreeMap::new(),
            state: Arc::clone(&state),
        };
        let topic = Self {
            inputs,
            committed,
            state,
        };
        (topic, source)
    }

    /// Sends `input` to the source. It does not matter if the source is gone.
    pub(crate) fn send(&self, input: Input) {
        drop(self.inputs.send(Ok(input)));
    }

    /// Makes the source fail.
    #[cfg(test)]
    pub(crate) fn fail(&self, why: &'static str) {
        drop(self.inputs.send(Err(why.into())));
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing panics while it is locked, except a test that has failed anyway.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source for MemorySource {
    type DeadLetters = DeadLetterBox;

    async fn next(&mut self) -> Result<Input, BoxError> {
        let input = self.inputs.recv().await;
        input.unwrap_or_else(|| Err("the topic is gone".into()))
    }

    async fn commit(&mut self, positions: &[(u32, u64)]) -> Result<(), BoxError> {
        self.uncommitted.extend(positions.iter().copied());
        if let Some(why) = lock(&self.state).commits_fail {
            return Err(why.into());
        }
        let positions = std::mem::take(&mut self.uncommitted);
        self.committed
            .send_modify(|committed| committed.extend(positions));
        Ok(())
    }

    fn offsets(&self) -> Vec<PartitionOffsets> {
        lock(&self.state).offsets.clone()
    }

    fn dead_letters(&self) -> DeadLetterBox {
        DeadLetterBox(Arc::clone(&self.state))
    }

    async fn close(self) {}
}

impl TopicWriter for DeadLetterBox {
    async fn append(&mut self, records: &[Record]) -> Result<Vec<Rejection>, SinkError> {
        let mut state = lock(&self.0);
        if let Some(why) = state.letters_fail {
            return Err(SinkError::unavailable(why));
        }
        let refused = std::mem::take(&mut state.letters_refused);
        let taken = (0..)
            .zip(records)
            .filter(|(index, _)| !refused.contains(index))
            .map(|(_, record)| record.clone());
        state.dead_letters.extend(taken);
        let refuse = |index| Rejection::new(index, "too large");
        Ok(refused.into_iter().map(refuse).collect())
    }
}
