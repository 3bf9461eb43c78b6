use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};
use user_metadata_events::UnixMillis;

use crate::transport::Reason;

/// Whether events are delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublisherStatus {
    /// The publisher has not reached the topic yet.
    Connecting,
    /// Events are delivered.
    Healthy,
    /// Events wait or are lost; joins go on.
    Degraded {
        /// When it began.
        since: UnixMillis,
        /// What is wrong, as text without addresses: safe to show to anybody.
        reason: String,
        /// The same with its causes, for the operator of the service.
        detail: String,
    },
}

/// The independent things that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    Connection,
    Partition(u32),
    /// What waits on disk can't be read.
    Disk,
    /// No error is known, but events have waited for long.
    Stalled,
    Full,
    /// The task is gone, and events still come.
    Ended,
}

/// The current status. An incident is one warning when it begins and one line when it is over,
/// however often things fail and recover in between.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    connected: bool,
    troubles: BTreeMap<Trouble, Reason>,
    incident: Option<Incident>,
    /// Since when the outbox's disk refuses, and why.
    disk: Option<(SystemTime, Reason)>,
}

#[derive(Debug)]
struct Incident {
    since: SystemTime,
    reason: Reason,
    most_pending: u64,
    /// The log has said that an operator must act.
    was_refused: bool,
    /// Nothing was wrong since the last check.
    is_quiet: bool,
}

impl Health {
    pub(crate) fn status(&self) -> PublisherStatus {
        let state = self.lock();
        let incident = state.incident.as_ref();
        let delivery = incident.map(|incident| (incident.since, &incident.reason));
        let disk = state.disk.as_ref().map(|(since, reason)| (*since, reason));
        let troubles: Vec<(SystemTime, &Reason)> = delivery.into_iter().chain(disk).collect();
        let join = |part: fn(&Reason) -> &str| {
            let parts: Vec<&str> = troubles.iter().map(|(_, reason)| part(reason)).collect();
            parts.join("; ")
        };
        match troubles.iter().map(|(since, _)| *since).min() {
            Some(since) => PublisherStatus::Degraded {
                since: since.into(),
                reason: join(|reason| &reason.summary),
                detail: join(|reason| &reason.detail),
            },
            None if state.connected => PublisherStatus::Healthy,
            None => PublisherStatus::Connecting,
        }
    }

    /// Notes that the outbox's disk does not take events.
    pub(crate) fn disk_refuses(&self, reason: &Reason) {
        let mut state = self.lock();
        let words = |reason: &str| format!("{reason}, so events wait in memory only");
        let reason = Reason {
            summary: words(&reason.summary),
            detail: words(&reason.detail),
            is_refusal: false,
        };
        match &mut state.disk {
            Some((_, current)) => *current = reason,
            None => {
                warn!(
                    reason = reason.detail,
                    "the outbox is not on disk; a crash would lose what is pending"
                );
                state.disk = Some((SystemTime::now(), reason));
            }
        }
    }

    /// Notes that the outbox's disk takes events.
    pub(crate) fn disk_works(&self) {
        if let Some((since, _)) = self.lock().disk.take() {
            let seconds = since.elapsed().unwrap_or_default().as_secs();
            info!(seconds, "the outbox is on disk again");
        }
    }

    /// Notes that something is wrong, while `pending` events wait.
    pub(crate) fn begin(&self, trouble: Trouble, reason: Reason, pending: u64) {
        let mut state = self.lock();
        state.troubles.insert(trouble, reason);
        let reason = state.reason();
        // An outage that turns into a refusal needs an operator, so it is logged once more.
        let is_logged = state
            .incident
            .as_ref()
            .is_some_and(|incident| !reason.is_refusal || incident.was_refused);
        if !is_logged {
            let reason = &reason.detail;
            warn!(reason, "events don't get through; joins go on");
        }
        let incident = state.incident.get_or_insert_with(|| Incident {
            since: SystemTime::now(),
            reason: reason.clone(),
            most_pending: 0,
            was_refused: false,
            is_quiet: false,
        });
        incident.was_refused |= reason.is_refusal;
        incident.reason = reason;
        incident.most_pending = incident.most_pending.max(pending);
        incident.is_quiet = false;
    }

    /// Notes that something is no longer wrong, if it was.
    pub(crate) fn end(&self, trouble: Trouble) {
        let mut state = self.lock();
        state.connected |= trouble == Trouble::Connection;
        state.troubles.remove(&trouble);
    }

    /// Ends the incident once nothing was wrong for a whole interval between two calls.
    pub(crate) fn look(&self) {
        let mut state = self.lock();
        let nothing_is_wrong = state.troubles.is_empty();
        if let Some(incident) = &mut state.incident {
            if nothing_is_wrong && incident.is_quiet {
                state.conclude();
            } else {
                incident.is_quiet = nothing_is_wrong;
            }
        }
    }

    /// Ends the incident: everything is delivered, and nothing more comes. This does not end the
    /// incident of a topic that was never reached.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        if !state.troubles.contains_key(&Trouble::Connection) {
            state.conclude();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn reason(&self) -> Reason {
        let join = |part: fn(&Reason) -> &str| {
            let mut parts: Vec<&str> = self.troubles.values().map(part).collect();
            parts.dedup();
            parts.join("; ")
        };
        Reason {
            summary: join(|reason| &reason.summary),
            detail: join(|reason| &reason.detail),
            is_refusal: self.troubles.values().any(|reason| reason.is_refusal),
        }
    }

    fn conclude(&mut self) {
        if let Some(incident) = self.incident.take() {
            let seconds = incident.since.elapsed().unwrap_or_default().as_secs();
            let waited = incident.most_pending;
            info!(
                seconds,
                waited, "events get through again; {waited} had waited"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lines;

    #[test]
    fn an_outage_that_turns_into_a_refusal_is_logged_once_more() {
        let (lines, _guard) = Lines::collect();
        let health = Health::default();
        let refusal = || Reason {
            is_refusal: true,
            ..Reason::new("wrong password")
        };
        health.begin(Trouble::Partition(0), Reason::new("no answer"), 1);
        health.begin(Trouble::Partition(1), Reason::new("no answer"), 1);
        for _ in 0..2 {
            health.begin(Trouble::Partition(0), refusal(), 1);
            health.begin(Trouble::Partition(1), Reason::new("no answer"), 1);
        }
        let warnings = lines.of(tracing::Level::WARN);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[1].contains("wrong password"), "{warnings:?}");
    }
}
