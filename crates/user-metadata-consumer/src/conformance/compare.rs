use std::collections::{BTreeMap, BTreeSet, HashMap};

use user_metadata_events::{EventId, UserMetadataEvent};

use super::events::Sent;
use super::subject::StoredEvent;
use super::violation::Fault;

/// What the target must hold after a delivery.
pub(super) struct Expected<'a> {
    pub(super) sent: &'a [Sent],
    /// The events sent that must not be in the target.
    pub(super) rejected: &'a BTreeSet<EventId>,
    /// An event may be stored several times.
    pub(super) may_repeat: bool,
    /// Whether the order of what was read back means anything.
    pub(super) is_ordered: bool,
}

impl Expected<'_> {
    /// Compares with what was read back from the target, which may hold other events, too.
    pub(super) fn compare(&self, stored: &[StoredEvent]) -> Result<(), Fault> {
        let mut found: HashMap<EventId, Vec<(usize, &StoredEvent)>> = HashMap::new();
        for (place, event) in stored.iter().enumerate() {
            found.entry(event.id()).or_default().push((place, event));
        }
        self.compare_presence(|id| found.contains_key(&id))?;
        for sent in self.sent {
            let copies = found.get(&sent.event.id).map_or(&[][..], Vec::as_slice);
            if copies.len() > 1 && !self.may_repeat {
                return Err(Fault::Duplicated {
                    id: sent.event.id,
                    times: copies.len(),
                });
            }
            for (_, stored) in copies {
                compare_text(&sent.event, stored)?;
            }
        }
        if self.is_ordered {
            self.compare_order(|id| found.get(&id)?.first().map(|(place, _)| *place))?;
        }
        Ok(())
    }

    fn compare_presence(&self, is_there: impl Fn(EventId) -> bool) -> Result<(), Fault> {
        let (rejected, taken): (Vec<_>, Vec<_>) = (1..)
            .zip(self.sent)
            .map(|(number, sent)| (number, sent.event.id))
            .partition(|(_, id)| self.rejected.contains(id));
        let missing: Vec<_> = taken.iter().filter(|(_, id)| !is_there(*id)).collect();
        if let Some((first, _)) = missing.first() {
            return Err(Fault::Lost {
                missing: missing.len(),
                sent: taken.len(),
                first: *first,
            });
        }
        match rejected.iter().find(|(_, id)| is_there(*id)) {
            Some((_, id)) => Err(Fault::Rejection(format!(
                "it rejects event {id}, and stores it all the same"
            ))),
            None => Ok(()),
        }
    }

    fn compare_order(&self, place: impl Fn(EventId) -> Option<usize>) -> Result<(), Fault> {
        let mut last: BTreeMap<u32, usize> = BTreeMap::new();
        for sent in self.sent {
            let partition = sent.partition;
            let Some(place) = place(sent.event.id) else {
                continue;
            };
            if last
                .insert(partition, place)
                .is_some_and(|before| place < before)
            {
                return Err(Fault::Reordered { partition });
            }
        }
        Ok(())
    }
}

fn compare_text(sent: &UserMetadataEvent, stored: &StoredEvent) -> Result<(), Fault> {
    let id = sent.id;
    let same = |field, sent: &str, stored: &str| {
        if sent == stored {
            return Ok(());
        }
        Err(Fault::Changed {
            id,
            field,
            sent: format!("{sent:?}"),
            stored: format!("{stored:?}"),
        })
    };
    match stored {
        StoredEvent::Id(_) => Ok(()),
        StoredEvent::User {
            user_id, username, ..
        } => {
            same("userId", &sent.user_id, user_id)?;
            same("username", &sent.username, username)
        }
        StoredEvent::Event(stored) => {
            same("userId", &sent.user_id, &stored.user_id)?;
            same("username", &sent.username, &stored.username)?;
            same("sessionId", &sent.session_id, &stored.session_id)?;
            if **stored == *sent {
                return Ok(());
            }
            Err(Fault::Changed {
                id,
                field: "field",
                sent: format!("{sent:?}"),
                stored: format!("{stored:?}"),
            })
        }
    }
}
