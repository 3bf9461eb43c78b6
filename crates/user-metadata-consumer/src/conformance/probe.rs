use std::sync::Arc;

use tokio::sync::watch;

use super::violation::Fault;
use crate::pipeline::in_words;
use crate::{Delivery, Rejection, Sink, SinkError};

/// A sink that notes what the sink in it does, and can lose its answer.
pub(super) struct Probe<S> {
    sink: S,
    answer: Answer,
    seen: Arc<watch::Sender<Seen>>,
}

/// What becomes of an `Ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Arrives,
    /// The first is lost, so the batch is written again.
    IsLostOnce,
    /// It never arrives: time for a crash.
    NeverArrives,
}

/// What a sink has done so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many batches it says are stored.
    pub(super) stored: usize,
    /// How often it said that the target is unavailable.
    pub(super) unavailable: usize,
    /// Of what it did, what is wrong in any case.
    pub(super) fault: Option<Fault>,
}

impl<S> Probe<S> {
    pub(super) const fn new(sink: S, answer: Answer, seen: Arc<watch::Sender<Seen>>) -> Self {
        Self { sink, answer, seen }
    }
}

impl<S: Sink> Sink for Probe<S> {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        let prepared = self.sink.prepare().await;
        if let Err(error) = &prepared {
            self.seen.send_modify(|seen| seen.note_error(error));
        }
        prepared
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let written = self.sink.write(batch).await;
        self.seen
            .send_modify(|seen| seen.note_written(batch, &written));
        let is_stored = written.is_ok();
        match self.answer {
            Answer::NeverArrives if is_stored => std::future::pending().await,
            Answer::IsLostOnce if is_stored => {
                self.answer = Answer::Arrives;
                Err(SinkError::unavailable("the answer was lost"))
            }
            _ => written,
        }
    }
}

impl Seen {
    fn note_written(&mut self, batch: &[Delivery], written: &Result<Vec<Rejection>, SinkError>) {
        match written {
            Ok(rejections) => {
                self.stored += 1;
                let fault = problem(batch, rejections).map(Fault::Rejection);
                self.fault = self.fault.take().or(fault);
            }
            Err(error) => self.note_error(error),
        }
    }

    fn note_error(&mut self, error: &SinkError) {
        if let SinkError::Unavailable { .. } = error {
            self.unavailable += 1;
        } else {
            self.fault.get_or_insert_with(|| Fault::Answer {
                expected: "Ok or `Unavailable`",
                got: format!("it says: {}", in_words(error)),
            });
        }
    }
}

/// What is wrong with the rejections by themselves.
fn problem(batch: &[Delivery], rejections: &[Rejection]) -> Option<String> {
    let events = batch.len();
    rejections
        .iter()
        .find_map(|Rejection { index, reason }| match batch.get(*index) {
            None => Some(format!("it rejects index {index} of a batch of {events}")),
            Some(Delivery { event, .. }) if reason.trim().is_empty() => {
                Some(format!("it does not say why it rejects event {}", event.id))
            }
            Some(_) => None,
        })
}
