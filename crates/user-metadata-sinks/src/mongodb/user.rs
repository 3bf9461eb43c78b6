use std::collections::BTreeSet;
use std::sync::Arc;

use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::Deserialize;
use user_metadata_consumer::Delivery;
use user_metadata_events::{ClientIp, UserMetadataEvent};

use super::document::to_i64;
use crate::fence::{Fence, Place};

/// A stored user, as far as needed to update it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stored {
    #[serde(rename = "_id")]
    pub(super) id: String,
    first_seen: DateTime,
    last_seen: DateTime,
    events: i64,
    revision: i64,
    counted: Vec<Counted>,
    #[serde(default)]
    missed: BTreeSet<String>,
}

/// How far the events of a user are counted in one partition: one, unless the topic's partitions
/// were changed.
#[derive(Debug, Clone, Deserialize)]
struct Counted {
    topic: String,
    partition: u32,
    next: i64,
    newest: DateTime,
}

/// A user, and what a batch adds to it.
#[derive(Debug)]
pub(super) struct User<'a> {
    id: &'a str,
    /// `None` if MongoDB does not know the user.
    revision: Option<i64>,
    first_seen: Option<u64>,
    last_seen: Option<u64>,
    events: i64,
    counted: Vec<(Place, Fence)>,
    /// Ids of events that lie below what is counted but were not counted: they are about to be
    /// inserted.
    missed: BTreeSet<String>,
    latest: Option<&'a UserMetadataEvent>,
    is_changed: bool,
}

impl<'a> User<'a> {
    pub(super) fn new(id: &'a str, stored: Option<Stored>) -> Self {
        let millis = |date: DateTime| u64::try_from(date.timestamp_millis()).unwrap_or_default();
        let fence = |counted: Counted| {
            let place = Place {
                topic: Arc::from(counted.topic),
                partition: counted.partition,
            };
            let fence = Fence {
                next: u64::try_from(counted.next).unwrap_or_default(),
                newest: millis(counted.newest),
            };
            (place, fence)
        };
        let revision = stored.as_ref().map(|stored| stored.revision);
        let first_seen = stored.as_ref().map(|stored| millis(stored.first_seen));
        let last_seen = stored.as_ref().map(|stored| millis(stored.last_seen));
        let events = stored.as_ref().map_or(0, |stored| stored.events);
        let (counted, missed) = stored
            .map(|stored| (stored.counted, stored.missed))
            .unwrap_or_default();
        Self {
            id,
            revision,
            first_seen,
            last_seen,
            events,
            counted: counted.into_iter().map(fence).collect(),
            missed,
            latest: None,
            is_changed: false,
        }
    }

    pub(super) const fn is_new(&self) -> bool {
        self.revision.is_none()
    }

    /// Whether an event lies below what is counted.
    pub(super) fn has_passed(
        &self,
        Delivery {
            event, position, ..
        }: &Delivery,
    ) -> bool {
        let place = position.into();
        let mut fences = self.counted.iter().filter(|(known, _)| *known == place);
        fences.any(|(_, fence)| fence.has_passed(position.offset, event.timestamp.as_u64()))
    }

    /// Notes that an event of this id is to be counted, though it lies below what is counted.
    pub(super) fn note_missed(&mut self, id: String) {
        self.is_changed |= self.missed.insert(id);
    }

    /// Adds an event that lies at `offset` of `place`, unless it was added before. `is_first`: it
    /// is not another copy of an event that lies elsewhere.
    pub(super) fn add(
        &mut self,
        event: &'a UserMetadataEvent,
        (place, offset): (Place, u64),
        is_first: bool,
    ) {
        let index = self.counted.iter().position(|(known, _)| *known == place);
        let index = index.unwrap_or_else(|| {
            self.counted.push((place, Fence::default()));
            self.counted.len() - 1
        });
        let time = event.timestamp.as_u64();
        let fence = self.counted.get_mut(index);
        let is_admitted = fence.is_some_and(|(_, fence)| fence.admit(offset, time));
        let was_missed = !self.missed.is_empty() && self.missed.remove(&event.id.to_string());
        self.is_changed |= is_admitted || was_missed;
        if !(was_missed || is_admitted && is_first) {
            return;
        }
        self.events += 1;
        self.first_seen = Some(self.first_seen.unwrap_or(time).min(time));
        if self.last_seen.is_none_or(|last| last <= time) {
            self.last_seen = Some(time);
            self.latest = Some(event);
        }
    }

    /// The update for MongoDB, if there is any: it applies only if nobody else was faster.
    pub(super) fn update(&self) -> Option<Document> {
        if !self.is_changed {
            return None;
        }
        let mut set = doc! {
            "events": self.events,
            "revision": self.revision.unwrap_or_default() + 1,
            "counted": self.counted(),
        };
        for (field, time) in [("firstSeen", self.first_seen), ("lastSeen", self.last_seen)] {
            if let Some(time) = time {
                set.insert(field, DateTime::from_millis(to_i64(time)));
            }
        }
        let mut unset = Document::new();
        if self.missed.is_empty() {
            unset.insert("missed", "");
        } else {
            set.insert("missed", Bson::from_iter(&self.missed));
        }
        for (field, text) in self.latest.into_iter().flat_map(latest) {
            match text {
                Some(text) => set.insert(field, text),
                None => unset.insert(field, ""),
            };
        }
        let Some(revision) = self.revision else {
            return Some(doc! {
                "q": { "_id": self.id },
                "u": { "$setOnInsert": set },
                "upsert": true,
            });
        };
        let mut update = doc! { "$set": set };
        if !unset.is_empty() {
            update.insert("$unset", unset);
        }
        Some(doc! { "q": { "_id": self.id, "revision": revision }, "u": update })
    }

    fn counted(&self) -> Vec<Bson> {
        let counted = self.counted.iter().map(|(place, fence)| {
            let date = |time| DateTime::from_millis(to_i64(time));
            let counted = doc! {
                "topic": &*place.topic,
                "partition": i64::from(place.partition),
                "next": to_i64(fence.next),
                "newest": date(fence.newest),
            };
            Bson::from(counted)
        });
        counted.collect()
    }
}

/// The fields of a user that come from the last event.
fn latest(event: &UserMetadataEvent) -> [(&'static str, Option<String>); 6] {
    let metadata = &event.metadata;
    let address = event.connection_info.ip_address.as_ref();
    let ip = metadata.ip.as_ref().or(address);
    [
        ("username", Some(event.username.clone())),
        ("browser", metadata.browser.clone()),
        ("os", metadata.os.clone()),
        ("device", metadata.device.clone()),
        ("language", metadata.language.clone()),
        ("ip", ip.map(ClientIp::to_string)),
    ]
}
