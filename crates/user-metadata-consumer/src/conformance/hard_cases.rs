//! Rare cases, and for several batches at once.

use std::time::Duration;

use super::cases::{BIG, Check};
use super::events::Sent;
use super::probe::{Answer, STEPS};
use super::stage::{Ending, Stage};
use super::subject::Subject;
use super::violation::Fault;
use crate::BoxError;

/// For how long a slow target responds to nobody.
const SLOW: Duration = Duration::from_secs(4);
/// How long a write may block its thread in the meantime, on a busy machine.
const STEP: Duration = Duration::from_secs(2);

impl<T: Subject> Check<T> {
    /// The target accepts all but some, among them the first and the last of a batch.
    pub(super) async fn bad_among_good(&mut self) -> Result<(), Fault> {
        match self.spoiled(30, &[0, 7, 8, 19, 29])? {
            Some(sent) => self.deliver(&sent, 10).await,
            None => Ok(()),
        }
    }

    pub(super) async fn nothing_but_bad(&mut self) -> Result<(), Fault> {
        match self.spoiled(3, &[0, 1, 2])? {
            Some(sent) => self.deliver(&sent, BIG).await,
            None => Ok(()),
        }
    }

    fn spoiled(&mut self, count: usize, bad: &[usize]) -> Result<Option<Vec<Sent>>, Fault> {
        let subject = &self.subject;
        let sent = self
            .events
            .changed(count, bad, |event| subject.spoil(event));
        let taken = |sent: &Sent| subject.takes(&sent.event);
        match &sent {
            Some(sent) if bad.iter().any(|index| taken(&sent[*index])) => Err(Fault::setup(
                "`Subject::spoil` makes an event of which `Subject::takes` is true",
            )),
            _ => Ok(sent),
        }
    }

    pub(super) async fn oversize(&mut self) -> Result<(), Fault> {
        let sent = self.events.oversize()?;
        self.deliver(&sent, BIG).await
    }

    /// A dropped future leaves the sink usable, however far it got.
    pub(super) async fn cut_off(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(20);
        let sink = self.open().await?;
        let (stage, pipeline) = Stage::new(sink, Answer::IsCutOff, &sent, 10)?;
        let script = async {
            stage.committed().await;
            Ok(Ending::Stop)
        };
        let rejected = stage.play(pipeline, script).await?;
        self.compare(&sent, &rejected, true).await
    }

    /// Whatever part of a batch is stored after a crash, all of it is after redelivery.
    pub(super) async fn crash_in_a_write(&mut self) -> Result<(), Fault> {
        for steps in STEPS {
            let sent = self.events.plain(500);
            let sink = self.open().await?;
            let answer = Answer::NeverArrivesAfter(steps);
            let (stage, pipeline) = Stage::new(sink, answer, &sent, BIG)?;
            let script = async {
                stage.until(|seen| seen.cut > 0 || seen.stored > 0).await;
                Ok(Ending::Crash)
            };
            stage.play(pipeline, script).await?;
            let rejected = self.run(&sent, BIG).await?;
            self.compare(&sent, &rejected, true).await?;
        }
        Ok(())
    }

    /// Events that a publisher has sent twice come again in later batches, and after a crash.
    pub(super) async fn repeats_and_crash(&mut self) -> Result<(), Fault> {
        let mut sent = self.events.plain(10);
        sent.push(self.events.again(&sent[2]));
        sent.extend(self.events.plain(4));
        self.deliver(&sent, 5).await?;
        let mut later = self.events.plain(5);
        later.push(self.events.again(&sent[0]));
        let sink = self.open().await?;
        let (stage, pipeline) = Stage::new(sink, Answer::NeverArrives, &later, BIG)?;
        let script = async {
            stage.until(|seen| seen.stored > 0).await;
            Ok(Ending::Crash)
        };
        stage.play(pipeline, script).await?;
        later.extend(self.events.plain(5));
        later.push(self.events.again(&sent[7]));
        let rejected = self.run(&later, 4).await?;
        sent.extend(later);
        self.compare(&sent, &rejected, true).await
    }

    /// Before the first batch and after another; no event is lost or stored too early.
    pub(super) async fn two_outages(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(40);
        let sink = self.open().await?;
        if !self.set_available(false).await? {
            return Ok(());
        }
        let (stage, pipeline) = Stage::new(sink, Answer::Arrives, &sent, 7)?;
        let script = async {
            stage.until(|seen| seen.unavailable > 0).await;
            self.set_available(true).await?;
            stage.until(|seen| seen.stored > 0).await;
            self.set_available(false).await?;
            // It may have stored all of them by now.
            let away = stage.unavailable();
            stage
                .until_committed_or(|seen| seen.unavailable > away)
                .await;
            self.set_available(true).await?;
            stage.committed().await;
            Ok(Ending::Stop)
        };
        let played = stage.play(pipeline, script).await;
        self.set_available(true).await?;
        self.compare(&sent, &played?, true).await
    }

    /// A sink may wait for its target or report it as unavailable, but must not block its thread: a
    /// process keeps its group membership only if its other tasks can run.
    pub(super) async fn slow(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(20);
        let sink = self.open().await?;
        if !self.hold_up(SLOW).await? {
            return Ok(());
        }
        let (stage, pipeline) = Stage::new(sink, Answer::Arrives, &sent, 10)?;
        let script = async {
            stage.committed().await;
            match stage.longest_step() {
                time if time > STEP => Err(Fault::Blocked { time }),
                _ => Ok(Ending::Stop),
            }
        };
        let rejected = stage.play(pipeline, script).await?;
        self.compare(&sent, &rejected, true).await
    }

    async fn hold_up(&mut self, time: Duration) -> Result<bool, Fault> {
        let held: Result<bool, BoxError> = self.subject.hold_up(time).await;
        held.map_err(Fault::Setup)
    }
}
