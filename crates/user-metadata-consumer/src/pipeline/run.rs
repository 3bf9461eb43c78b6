use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::backoff::delay;
use super::batch::Batch;
use super::dead_letter::DeadLetter;
use super::intake::Intake;
use super::monitor::Trouble;
use super::source::{LossCause, Source};
use super::words::in_words;
use crate::{BoxError, Rejection, Sink, SinkError, TopicWriter};

/// One sink and its source: gathers a batch, has it stored, makes dead letters of what can't be
/// stored, commits, and starts over.
pub(crate) struct Pipeline<K: Source, S: Sink> {
    intake: Intake<K>,
    sink: S,
    dead_letters: Option<K::DeadLetters>,
    stop: CancellationToken,
}

/// Why a pipeline has ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It was stopped, or nothing more will come.
    Stopped,
    /// The sink's target accepts no more.
    Closed,
    /// It can't continue.
    Failed(BoxError),
}

impl From<SinkError> for End {
    fn from(error: SinkError) -> Self {
        match error {
            SinkError::Closed => Self::Closed,
            SinkError::Fatal(source) | SinkError::Unavailable { source, .. } => {
                Self::Failed(source)
            }
        }
    }
}

impl<K: Source, S: Sink> Pipeline<K, S> {
    pub(crate) fn new(intake: Intake<K>, sink: S, stop: CancellationToken) -> Self {
        Self {
            intake,
            sink,
            dead_letters: None,
            stop,
        }
    }

    /// Runs until it is stopped or can't continue, and leaves the group.
    pub(crate) async fn run(mut self) -> End {
        let end = match self.prepare().await {
            Ok(()) => self.consume().await,
            Err(end) => end,
        };
        self.intake.source.close().await;
        end
    }

    /// Has the sink prepare its target, until that succeeds.
    async fn prepare(&mut self) -> Result<(), End> {
        let mut failures = 0;
        while let Err(error) = self.intake.during(self.sink.prepare()).await {
            failures += 1;
            self.back_off(Trouble::Sink, error, failures).await?;
        }
        self.intake.monitor.end(Trouble::Sink);
        Ok(())
    }

    async fn consume(&mut self) -> End {
        loop {
            let batch = match self.gather().await {
                Ok(batch) => batch,
                Err(end) => return end,
            };
            if let Err(end) = self.settle(batch).await {
                return end;
            }
        }
    }

    async fn gather(&mut self) -> Result<Batch, End> {
        loop {
            if self.stop.is_cancelled() {
                return Err(End::Stopped);
            }
            if let Some(batch) = self.intake.cut() {
                return Ok(batch);
            }
            if self.intake.has_ended() {
                return Err(End::Stopped);
            }
            if let Some(failure) = self.intake.failure() {
                return Err(End::Failed(failure));
            }
            if self.intake.has_checked_lag() {
                self.intake.commit(&[]).await;
            }
            let due = self.intake.due();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                () = until(due) => {}
                () = self.intake.listen() => {}
            }
        }
    }

    /// Settles every record of the batch, then commits past it.
    async fn settle(&mut self, mut batch: Batch) -> Result<(), End> {
        self.store(&mut batch).await?;
        self.intake.keep_own(&mut batch);
        self.write_dead_letters(&mut batch).await?;
        self.intake.keep_own(&mut batch);
        self.intake.settled(batch).await;
        Ok(())
    }

    /// Writes the events until the sink has accepted them.
    async fn store(&mut self, batch: &mut Batch) -> Result<(), End> {
        let mut failures = 0;
        while !batch.deliveries.is_empty() {
            let started = Instant::now();
            let write = self.sink.write(&batch.deliveries);
            match self.intake.during(write).await {
                Ok(rejections) => {
                    self.intake.monitor.end(Trouble::Sink);
                    batch
                        .reject(rejections)
                        .map_err(|bug| End::Failed(bug.into()))?;
                    self.intake.monitor.written(batch, started.elapsed());
                    return Ok(());
                }
                Err(error) => {
                    failures += 1;
                    self.back_off(Trouble::Sink, error, failures).await?;
                    self.intake.keep_own(batch);
                }
            }
        }
        Ok(())
    }

    /// Writes the dead letters to their topic.
    async fn write_dead_letters(&mut self, batch: &mut Batch) -> Result<(), End> {
        let mut failures = 0;
        while !batch.letters.is_empty() {
            let now = SystemTime::now().into();
            let sink = Arc::clone(self.intake.monitor.sink());
            let to_record = |letter: &DeadLetter| letter.to_record(&sink, now);
            let records: Vec<_> = batch.letters.iter().map(to_record).collect();
            let source = &self.intake.source;
            let topic = self
                .dead_letters
                .get_or_insert_with(|| source.dead_letters());
            match self.intake.during(topic.append(&records)).await {
                Ok(refused) => {
                    self.intake.monitor.end(Trouble::DeadLetters);
                    self.lose(batch, refused);
                    self.intake.monitor.dead_lettered(&batch.letters);
                    return Ok(());
                }
                Err(error) => {
                    failures += 1;
                    self.back_off(Trouble::DeadLetters, error, failures).await?;
                    self.intake.keep_own(batch);
                }
            }
        }
        Ok(())
    }

    /// The last resort: a dead letter that its topic will never accept is lost, and its position is
    /// logged.
    fn lose(&self, batch: &mut Batch, mut refused: Vec<Rejection>) {
        refused.sort_by_key(|rejection| std::cmp::Reverse(rejection.index));
        refused.dedup_by_key(|rejection| rejection.index);
        for Rejection { index, reason } in refused {
            if index < batch.letters.len() {
                let position = batch.letters.remove(index).position.to_string();
                let sink = &**self.intake.monitor.sink();
                error!(
                    sink,
                    position, reason, "a record is lost: the dead-letter topic refuses it"
                );
                self.intake.monitor.lost(LossCause::Refused, 1);
            }
        }
    }

    /// Waits after a retriable failure.
    async fn back_off(
        &mut self,
        trouble: Trouble,
        error: SinkError,
        failures: u32,
    ) -> Result<(), End> {
        let SinkError::Unavailable {
            retry_after,
            source,
        } = error
        else {
            return Err(error.into());
        };
        self.intake.monitor.begin(trouble, &in_words(&*source));
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.cancelled() => Err(End::Stopped),
            () = self.intake.wait(delay(failures, retry_after)) => {
                self.intake.monitor.retried();
                Ok(())
            }
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
