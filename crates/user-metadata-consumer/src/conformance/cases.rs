use std::collections::BTreeSet;

use user_metadata_events::EventId;

use super::compare::Expected;
use super::events::{Events, Sent};
use super::probe::Answer;
use super::stage::{Ending, Stage};
use super::subject::Subject;
use super::violation::{Fault, Violation};

/// More events than databases usually take as parameters or rows of one statement.
pub(super) const BIG: usize = 1_500;

/// Checks a sink. Takes seconds, mostly waiting for the target.
///
/// Must be called within a tokio runtime with its clock enabled.
///
/// # Errors
///
/// [`Violation`]: the first thing that the sink does wrong, in words.
pub async fn check(subject: impl Subject) -> Result<(), Violation> {
    let events = Events::new().map_err(|fault| Violation::new("the start", fault))?;
    let mut check = Check { subject, events };
    macro_rules! cases {
        ($($name:literal => $case:ident),* $(,)?) => {
            // Each on the heap: a test's thread has 2 MiB of stack for all of them.
            $(Box::pin(check.$case())
                .await
                .map_err(|fault| Violation::new($name, fault))?;)*
        };
    }
    cases! {
        "a batch of one event" => one,
        "a batch of 1,500 events" => big,
        "many small batches" => small,
        "text at its limits" => odd_text,
        "one event twice in a batch" => twice_in_a_batch,
        "one event in two batches" => twice_in_two,
        "a batch whose answer was lost" => lost_answer,
        "a crash after a batch was stored" => crash,
        "the target away for a while" => outage,
        "bad events among good ones" => bad_among_good,
        "nothing but bad events" => nothing_but_bad,
        "events as large as they may be" => oversize,
        "writes that are cut off" => cut_off,
        "a crash in the middle of a write" => crash_in_a_write,
        "repeats and a crash between batches" => repeats_and_crash,
        "the target away twice between batches" => two_outages,
        "a slow target" => slow,
    }
    Ok(())
}

pub(super) struct Check<T> {
    pub(super) subject: T,
    pub(super) events: Events,
}

impl<T: Subject> Check<T> {
    async fn one(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(1);
        self.deliver(&sent, BIG).await
    }

    async fn big(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(BIG);
        self.deliver(&sent, BIG).await
    }

    async fn small(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(50);
        self.deliver(&sent, 7).await
    }

    async fn odd_text(&mut self) -> Result<(), Fault> {
        let sent = self.events.odd();
        self.deliver(&sent, BIG).await
    }

    async fn twice_in_a_batch(&mut self) -> Result<(), Fault> {
        let mut sent = self.events.plain(3);
        sent.push(self.events.again(&sent[1]));
        self.deliver(&sent, BIG).await
    }

    async fn twice_in_two(&mut self) -> Result<(), Fault> {
        let mut sent = self.events.plain(3);
        sent.push(self.events.again(&sent[1]));
        self.deliver(&sent, 3).await
    }

    /// The sink that has stored a batch gets it again.
    async fn lost_answer(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(20);
        let sink = self.open().await?;
        let (stage, pipeline) = Stage::new(sink, Answer::IsLostOnce, &sent, BIG)?;
        let script = async {
            stage.committed().await;
            Ok(Ending::Stop)
        };
        let rejected = stage.play(pipeline, script).await?;
        self.compare(&sent, &rejected, true).await
    }

    /// What `write` has stored is there as soon as it returns, survives the process, and is not
    /// stored twice when the next process gets it again together with new events.
    async fn crash(&mut self) -> Result<(), Fault> {
        let mut sent = self.events.plain(20);
        let sink = self.open().await?;
        let (stage, pipeline) = Stage::new(sink, Answer::NeverArrives, &sent, BIG)?;
        let nothing = BTreeSet::new();
        let script = async {
            stage.until(|seen| seen.stored > 0).await;
            self.compare(&sent, &nothing, false).await?;
            Ok(Ending::Crash)
        };
        stage.play(pipeline, script).await?;
        self.compare(&sent, &nothing, false).await?;
        sent.extend(self.events.plain(5));
        let rejected = self.run(&sent, BIG).await?;
        self.compare(&sent, &rejected, true).await
    }

    /// While the target is unavailable nothing counts as stored, and everything is stored once it
    /// is back.
    async fn outage(&mut self) -> Result<(), Fault> {
        let sent = self.events.plain(20);
        let sink = self.open().await?;
        if !self.set_available(false).await? {
            return Ok(());
        }
        let (stage, pipeline) = Stage::new(sink, Answer::Arrives, &sent, BIG)?;
        let script = async {
            stage.until(|seen| seen.unavailable + seen.stored > 0).await;
            if stage.has_stored() {
                return Err(Fault::Answer {
                    expected: "`Unavailable`",
                    got: "it returned Ok while the target was away".to_owned(),
                });
            }
            self.set_available(true).await?;
            stage.committed().await;
            Ok(Ending::Stop)
        };
        let played = stage.play(pipeline, script).await;
        // Whatever the sink did, the target is available again.
        self.set_available(true).await?;
        self.compare(&sent, &played?, true).await
    }

    pub(super) async fn open(&mut self) -> Result<T::Sink, Fault> {
        self.subject.open().await.map_err(Fault::Setup)
    }

    pub(super) async fn set_available(&mut self, available: bool) -> Result<bool, Fault> {
        let set = self.subject.set_available(available).await;
        set.map_err(Fault::Setup)
    }

    /// Opens the sink, delivers everything once in batches of `batch`, and checks the target.
    pub(super) async fn deliver(&mut self, sent: &[Sent], batch: usize) -> Result<(), Fault> {
        let rejected = self.run(sent, batch).await?;
        self.compare(sent, &rejected, false).await
    }

    pub(super) async fn run(
        &mut self,
        sent: &[Sent],
        batch: usize,
    ) -> Result<BTreeSet<EventId>, Fault> {
        let sink = self.open().await?;
        let (stage, pipeline) = Stage::new(sink, Answer::Arrives, sent, batch)?;
        let script = async {
            stage.committed().await;
            Ok(Ending::Stop)
        };
        stage.play(pipeline, script).await
    }

    /// Compares the contents of the target with what was sent. `again`: some of it was delivered
    /// several times.
    pub(super) async fn compare(
        &mut self,
        sent: &[Sent],
        rejected: &BTreeSet<EventId>,
        again: bool,
    ) -> Result<(), Fault> {
        for Sent { event, .. } in sent {
            let id = event.id;
            match (self.subject.takes(event), rejected.contains(&id)) {
                (true, true) => {
                    let what = format!("it rejects event {id}, which the target can take");
                    return Err(Fault::Rejection(what));
                }
                (false, false) => {
                    let what = format!("it takes event {id}, which the target can't take");
                    return Err(Fault::Rejection(what));
                }
                _ => {}
            }
        }
        let ids: BTreeSet<_> = sent.iter().map(|sent| sent.event.id).collect();
        let again = again || ids.len() < sent.len();
        let expected = Expected {
            sent,
            rejected,
            may_repeat: again && !self.subject.deduplicates(),
            // A sink may replace an event with its repetition.
            is_ordered: self.subject.is_ordered() && !again,
        };
        let stored = self.subject.stored().await.map_err(Fault::Setup)?;
        expected.compare(&stored)
    }
}
