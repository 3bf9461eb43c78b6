//! The conformance kit passes sinks that keep the promise and finds those that do not.
#![cfg(feature = "conformance")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use user_metadata_consumer::conformance::{Fault, StoredEvent, Subject, Violation, check};
use user_metadata_consumer::{BoxError, Delivery, Rejection, Sink, SinkError};
use user_metadata_events::{EventId, UserMetadataEvent};

/// The flaw of the sink under test, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    NoDeduplication,
    DeduplicatesNeighboursOnly,
    DropsTheLast,
    DropsTheLastOfMany,
    AnswersEarly,
    Reverses,
    CutsText,
    FoldsCase,
    RejectsBeyondTheBatch,
    RejectsTheNext,
    RejectsTooMuch,
    RejectsWithoutReason,
    RejectsAndStores,
    StoresHalfAndForgetsTheRest,
    SaysOkWhileAway,
    GivesUpWhileAway,
    NeverReturns,
    ForgetsAllAfterABadOne,
    RejectsTheWholeBatch,
    PassesOverABatchOfBadOnes,
    CutsWhatIsLarge,
    TakesBegunForDone,
    TakesBegunForDoneAfterACrash,
    RemembersTheLastBatchAlone,
    GivesUpTheSecondTime,
    Blocks,
}

#[derive(Debug, Default)]
struct Target {
    stored: Vec<UserMetadataEvent>,
    ids: HashSet<EventId>,
    /// The events of batches of which a write has begun.
    begun: HashSet<EventId>,
    is_away: bool,
    /// How often it was unavailable.
    outages: usize,
    held_up_until: Option<Instant>,
}

type Shared = Arc<Mutex<Target>>;

/// A sink into memory. Its target takes user names of up to 200 characters.
struct MemorySink {
    target: Shared,
    flaw: Flaw,
    /// Reported as stored, but not stored yet.
    promised: VecDeque<UserMetadataEvent>,
    is_half_done: bool,
    begun: HashSet<EventId>,
    is_new: bool,
}

/// The events that the target can't take.
fn is_bad(event: &UserMetadataEvent) -> bool {
    is_too_long(event) || event.username == BAD
}

const BAD: &str = "bad";

fn is_too_long(event: &UserMetadataEvent) -> bool {
    event.username.chars().count() > 200
}

impl MemorySink {
    fn store(&mut self, event: &UserMetadataEvent) {
        let mut event = event.clone();
        if self.flaw == Flaw::CutsText {
            event.session_id = event.session_id.chars().take(100).collect();
        }
        if self.flaw == Flaw::CutsWhatIsLarge && event.extra.len() > 1_000 {
            event.extra.clear();
        }
        let mut target = self.target.lock().unwrap();
        let is_known = match self.flaw {
            Flaw::NoDeduplication => false,
            Flaw::DeduplicatesNeighboursOnly => {
                target.stored.last().is_some_and(|last| last.id == event.id)
            }
            Flaw::FoldsCase => {
                let user = event.user_id.to_lowercase();
                let folded = |stored: &UserMetadataEvent| stored.user_id.to_lowercase() == user;
                target.ids.contains(&event.id)
                    || target.stored.iter().any(folded) && event.user_id == "USER"
            }
            _ => target.ids.contains(&event.id),
        };
        if !is_known {
            target.ids.insert(event.id);
            target.stored.push(event);
        }
    }

    fn reject(&self, batch: &[Delivery]) -> Vec<Rejection> {
        let reason = if self.flaw == Flaw::RejectsWithoutReason {
            ""
        } else {
            "too long"
        };
        let index = |index: usize| match self.flaw {
            Flaw::RejectsBeyondTheBatch => batch.len() + index,
            Flaw::RejectsTheNext => index + 1,
            _ => index,
        };
        let too_much = |index: usize| self.flaw == Flaw::RejectsTooMuch && index == 3;
        let events = batch.iter().enumerate();
        let mut bad: Vec<_> = events
            .filter(|(at, delivery)| is_bad(&delivery.event) || too_much(*at))
            .collect();
        let is_spoiled = |(_, delivery): &(usize, &Delivery)| delivery.event.username == BAD;
        let spoiled = bad.iter().filter(|bad| is_spoiled(bad)).count();
        match self.flaw {
            Flaw::RejectsTheWholeBatch if spoiled > 0 => bad = batch.iter().enumerate().collect(),
            Flaw::PassesOverABatchOfBadOnes if spoiled == batch.len() => bad.clear(),
            _ => {}
        }
        let bad = bad.into_iter();
        bad.map(|(at, _)| Rejection::new(index(at), reason))
            .collect()
    }

    /// The result of a write while the target is unavailable.
    async fn fail(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        match self.flaw {
            Flaw::SaysOkWhileAway => Ok(Vec::new()),
            Flaw::GivesUpTheSecondTime if self.target.lock().unwrap().outages > 2 => {
                Err(SinkError::fatal("connection refused again"))
            }
            Flaw::GivesUpWhileAway => Err(SinkError::fatal("connection refused")),
            Flaw::NeverReturns => std::future::pending().await,
            Flaw::StoresHalfAndForgetsTheRest => {
                for delivery in &batch[..batch.len() / 2] {
                    self.store(&delivery.event);
                }
                self.is_half_done = true;
                Err(SinkError::unavailable("connection reset"))
            }
            _ => Err(SinkError::unavailable("connection refused")),
        }
    }
}

impl MemorySink {
    /// Waits for the target, like a sink with a connection. What it remembers meanwhile is cleared
    /// after the wait, and remains if the wait is cancelled.
    async fn begin(&mut self, batch: &[Delivery]) {
        let ids = || batch.iter().map(|delivery| delivery.event.id).collect();
        let noted = std::mem::replace(&mut self.begun, ids());
        let (noted_there, held_up_until) = {
            let mut target = self.target.lock().unwrap();
            let noted_there = std::mem::replace(&mut target.begun, ids());
            (noted_there, target.held_up_until.take())
        };
        if let Some(until) = held_up_until
            && self.flaw == Flaw::Blocks
        {
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                std::thread::park_timeout(left);
            }
        }
        tokio::task::yield_now().await;
        self.begun = noted;
        self.target.lock().unwrap().begun = noted_there;
    }

    fn end(&mut self, batch: &[Delivery]) {
        self.begun.clear();
        let mut target = self.target.lock().unwrap();
        target.begun.clear();
        if self.flaw == Flaw::RemembersTheLastBatchAlone {
            target.ids = batch.iter().map(|delivery| delivery.event.id).collect();
        }
    }
}

impl Sink for MemorySink {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let is_away = self.target.lock().unwrap().is_away;
        if is_away {
            return self.fail(batch).await;
        }
        if std::mem::take(&mut self.is_half_done) {
            return Ok(Vec::new());
        }
        let is_first = std::mem::take(&mut self.is_new);
        self.begin(batch).await;
        let rejections = self.reject(batch);
        let stores_all = self.flaw == Flaw::RejectsAndStores;
        let mut events: Vec<_> = batch.iter().map(|delivery| &delivery.event).collect();
        events.retain(|event| stores_all || !is_bad(event));
        match self.flaw {
            Flaw::DropsTheLast => drop(events.pop()),
            Flaw::DropsTheLastOfMany if events.len() > 1_000 => drop(events.pop()),
            Flaw::Reverses => events.reverse(),
            Flaw::AnswersEarly => {
                self.promised.extend(events.drain(..).cloned());
                while self.promised.len() > batch.len() {
                    let event = self.promised.pop_front().unwrap();
                    self.store(&event);
                }
            }
            Flaw::ForgetsAllAfterABadOne => {
                let bad = batch.iter().position(|bad| bad.event.username == BAD);
                events.truncate(bad.unwrap_or(events.len()));
            }
            Flaw::TakesBegunForDone => events.retain(|event| !self.begun.contains(&event.id)),
            Flaw::TakesBegunForDoneAfterACrash if is_first => {
                let target = self.target.lock().unwrap();
                events.retain(|event| !target.begun.contains(&event.id));
            }
            _ => {}
        }
        for event in events {
            self.store(event);
        }
        self.end(batch);
        Ok(rejections)
    }
}

struct MemorySubject {
    target: Shared,
    flaw: Flaw,
    deduplicates: bool,
    is_ordered: bool,
    ids_only: bool,
}

impl MemorySubject {
    fn new(flaw: Flaw) -> Self {
        Self {
            target: Shared::default(),
            flaw,
            deduplicates: true,
            is_ordered: true,
            ids_only: false,
        }
    }
}

impl Subject for MemorySubject {
    type Sink = MemorySink;

    async fn open(&mut self) -> Result<MemorySink, BoxError> {
        Ok(MemorySink {
            target: Arc::clone(&self.target),
            flaw: self.flaw,
            promised: VecDeque::new(),
            is_half_done: false,
            begun: HashSet::new(),
            is_new: true,
        })
    }

    async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
        let target = self.target.lock().unwrap();
        let stored = target.stored.iter().cloned();
        Ok(if self.ids_only {
            stored.map(|event| event.id.into()).collect()
        } else {
            stored.map(StoredEvent::from).collect()
        })
    }

    async fn set_available(&mut self, available: bool) -> Result<bool, BoxError> {
        let mut target = self.target.lock().unwrap();
        target.is_away = !available;
        target.outages += usize::from(!available);
        Ok(true)
    }

    async fn hold_up(&mut self, time: Duration) -> Result<bool, BoxError> {
        self.target.lock().unwrap().held_up_until = Some(Instant::now() + time);
        Ok(true)
    }

    fn spoil(&self, event: &mut UserMetadataEvent) -> bool {
        event.username = BAD.to_owned();
        true
    }

    fn deduplicates(&self) -> bool {
        self.deduplicates
    }

    fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    fn takes(&self, event: &UserMetadataEvent) -> bool {
        !is_bad(event)
    }
}

async fn violation(flaw: Flaw) -> Violation {
    match check(MemorySubject::new(flaw)).await {
        Ok(()) => panic!("{flaw:?} was not found"),
        Err(violation) => violation,
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_keeps_the_promise_passes() {
    check(MemorySubject::new(Flaw::None)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_can_not_deduplicate_passes_if_it_says_so() {
    let mut subject = MemorySubject::new(Flaw::NoDeduplication);
    subject.deduplicates = false;
    check(subject).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_target_that_knows_no_order_and_no_text_passes_if_its_subject_says_so() {
    let mut subject = MemorySubject::new(Flaw::Reverses);
    subject.is_ordered = false;
    check(subject).await.unwrap();
    let mut subject = MemorySubject::new(Flaw::CutsText);
    subject.ids_only = true;
    check(subject).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lost_events_are_found() {
    let violation = violation(Flaw::DropsTheLast).await;
    assert_eq!(
        violation.to_string(),
        "a batch of one event: `write` returned Ok, and 1 of 1 events are not in the target; the \
         first that is missing is number 1"
    );
}

const TWICE: &str = "one event twice in a batch";
const BIG: &str = "a batch of 1,500 events";
const TEXT: &str = "text at its limits";
const OUTAGE: &str = "the target away for a while";

/// Each flaw, the case that finds it, and the words of the violation.
const EXPECTED: [(Flaw, &str, &str); 26] = [
    (
        Flaw::NoDeduplication,
        TWICE,
        " is 2 times in the target; be idempotent",
    ),
    (
        Flaw::DeduplicatesNeighboursOnly,
        TWICE,
        " is 2 times in the target",
    ),
    (
        Flaw::DropsTheLast,
        "a batch of one event",
        "1 of 1 events are not in the target",
    ),
    (
        Flaw::DropsTheLastOfMany,
        BIG,
        "the first that is missing is number 1500",
    ),
    (
        Flaw::AnswersEarly,
        "a batch of one event",
        "1 of 1 events are not in the target",
    ),
    (
        Flaw::Reverses,
        BIG,
        "are stored in another order than they came in",
    ),
    (
        Flaw::CutsText,
        TEXT,
        "comes back with another sessionId: sent \"xxx",
    ),
    (Flaw::FoldsCase, TEXT, "events are not in the target"),
    (Flaw::RejectsBeyondTheBatch, TEXT, "it rejects index "),
    (Flaw::RejectsTheNext, TEXT, ", which the target can't take"),
    (Flaw::RejectsTooMuch, BIG, ", which the target can take"),
    (
        Flaw::RejectsWithoutReason,
        TEXT,
        "it does not say why it rejects event ",
    ),
    (Flaw::RejectsAndStores, TEXT, ", and stores it all the same"),
    (
        Flaw::StoresHalfAndForgetsTheRest,
        OUTAGE,
        "10 of 20 events are not in the target",
    ),
    (
        Flaw::SaysOkWhileAway,
        OUTAGE,
        "it returned Ok while the target was away",
    ),
    (
        Flaw::GivesUpWhileAway,
        OUTAGE,
        "sink has failed for good: connection refused",
    ),
    (
        Flaw::NeverReturns,
        OUTAGE,
        "nothing more had come after 60s",
    ),
    (
        Flaw::ForgetsAllAfterABadOne,
        "bad events among good ones",
        "events are not in the target; the first that is missing is number ",
    ),
    (
        Flaw::RejectsTheWholeBatch,
        "bad events among good ones",
        ", which the target can take",
    ),
    (
        Flaw::PassesOverABatchOfBadOnes,
        "nothing but bad events",
        ", which the target can't take",
    ),
    (
        Flaw::CutsWhatIsLarge,
        "events as large as they may be",
        "comes back with another field",
    ),
    (
        Flaw::TakesBegunForDone,
        "writes that are cut off",
        "10 of 20 events are not in the target",
    ),
    (
        Flaw::TakesBegunForDoneAfterACrash,
        "a crash in the middle of a write",
        "500 of 500 events are not in the target",
    ),
    (
        Flaw::RemembersTheLastBatchAlone,
        "repeats and a crash between batches",
        " is 2 times in the target",
    ),
    (
        Flaw::GivesUpTheSecondTime,
        "the target away twice between batches",
        "connection refused again",
    ),
    (
        Flaw::Blocks,
        "a slow target",
        "`write` blocked its thread for ",
    ),
];

#[tokio::test(start_paused = true)]
async fn each_flaw_is_found_in_the_case_that_brings_it_out_and_said_in_words() {
    for (flaw, case, words) in EXPECTED {
        let violation = violation(flaw).await;
        assert_eq!(violation.case(), case, "{flaw:?}: {violation}");
        assert!(
            violation.to_string().contains(words),
            "{flaw:?}: {violation}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_can_not_be_reached_is_not_called_the_sinks_fault() {
    struct Gone;
    impl Subject for Gone {
        type Sink = MemorySink;
        async fn open(&mut self) -> Result<MemorySink, BoxError> {
            Err("no database at DATABASE_URL".into())
        }
        async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
            Ok(Vec::new())
        }
    }
    let violation = check(Gone).await.unwrap_err();
    assert!(matches!(violation.fault(), Fault::Setup(_)));
    assert_eq!(
        violation.to_string(),
        "a batch of one event: the check could not be done: no database at DATABASE_URL"
    );
}
