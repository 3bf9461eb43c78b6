use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::violation::Fault;
use crate::pipeline::in_words;
use crate::{Delivery, Rejection, Sink, SinkError};

/// A sink that records what the sink inside it does, and can lose its result.
pub(super) struct Probe<S> {
    sink: S,
    answer: Answer,
    seen: Arc<watch::Sender<Seen>>,
    /// How many writes were cancelled.
    cut: usize,
}

/// What happens to an `Ok`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Arrives,
    /// The first is lost, so the batch is written again.
    IsLostOnce,
    /// It never arrives: time for a crash.
    NeverArrives,
    /// Nor does it arrive if the write takes more steps than this: it is not polled any further.
    NeverArrivesAfter(usize),
    /// The future is dropped midway, later each time, and the batch is written again, until it
    /// completes first.
    IsCutOff,
}

/// After how many steps a write is cancelled, the first time and later.
pub(super) const STEPS: [usize; 5] = [1, 2, 3, 5, 9];

/// What a sink has done so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many writes were cancelled.
    pub(super) cut: usize,
    /// The longest that a write has blocked its thread.
    pub(super) longest_step: Duration,
    /// How many batches it reported as stored.
    pub(super) stored: usize,
    /// How often it reported the target as unavailable.
    pub(super) unavailable: usize,
    /// What it did wrong, whatever the case.
    pub(super) fault: Option<Fault>,
}

impl<S> Probe<S> {
    pub(super) const fn new(sink: S, answer: Answer, seen: Arc<watch::Sender<Seen>>) -> Self {
        Self {
            sink,
            answer,
            seen,
            cut: 0,
        }
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
        let steps = match self.answer {
            Answer::IsCutOff => STEPS.get(self.cut).copied(),
            Answer::NeverArrivesAfter(steps) => Some(steps),
            _ => None,
        };
        let mut write = pin!(self.sink.write(batch));
        let written = step_by_step(write.as_mut(), steps, &self.seen).await;
        let Some(written) = written else {
            self.seen.send_modify(|seen| seen.cut += 1);
            if let Answer::NeverArrivesAfter(_) = self.answer {
                std::future::pending::<()>().await;
            }
            self.cut += 1;
            return Err(SinkError::unavailable("the write was cut off"));
        };
        self.seen
            .send_modify(|seen| seen.note_written(batch, &written));
        let is_stored = written.is_ok();
        match self.answer {
            Answer::NeverArrives | Answer::NeverArrivesAfter(_) if is_stored => {
                std::future::pending().await
            }
            Answer::IsLostOnce if is_stored => {
                self.answer = Answer::Arrives;
                Err(SinkError::unavailable("the answer was lost"))
            }
            _ => written,
        }
    }
}

/// Runs a write, and records how long each step takes. It returns `None` after `steps` steps.
async fn step_by_step<F: Future>(
    mut write: Pin<&mut F>,
    steps: Option<usize>,
    seen: &watch::Sender<Seen>,
) -> Option<F::Output> {
    let mut left = steps.unwrap_or(usize::MAX);
    poll_fn(|context| {
        let began = Instant::now();
        let step = write.as_mut().poll(context);
        let took = began.elapsed();
        seen.send_if_modified(|seen| {
            seen.longest_step = seen.longest_step.max(took);
            false
        });
        left -= 1;
        match step {
            Poll::Ready(written) => Poll::Ready(Some(written)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
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

/// What is wrong with the rejections in themselves.
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
