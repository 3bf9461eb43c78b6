use std::sync::Arc;

use mongodb::bson::{Bson, DateTime, Document, doc};
use serde::Deserialize;
use user_metadata_events::{ClientIp, UserMetadataEvent};

use super::document::to_i64;
use crate::fence::{Fence, Place};

/// A user as MongoDB has it, as far as that matters for what comes next.
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
    /// None where MongoDB does not know the user.
    revision: Option<i64>,
    first_seen: Option<u64>,
    last_seen: Option<u64>,
    events: i64,
    counted: Vec<(Place, Fence)>,
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
        let counted = stored.map_or_else(Vec::new, |stored| stored.counted);
        Self {
            id,
            revision,
            first_seen,
            last_seen,
            events,
            counted: counted.into_iter().map(fence).collect(),
            latest: None,
            is_changed: false,
        }
    }

    pub(super) const fn is_new(&self) -> bool {
        self.revision.is_none()
    }

    /// Adds an event that lies at `offset` of `place`, unless it was added before. `is_first`: it
    /// is not another copy of an event that lies elsewhere.
    pub(super) fn add(
        &mut self,
        event: &'a UserMetadataEvent,
        (place, offset): (Place, u64),
        is_first: bool,
        now: u64,
    ) {
        let index = self.counted.iter().position(|(known, _)| *known == place);
        let index = index.unwrap_or_else(|| {
            self.counted.push((place, Fence::default()));
            self.counted.len() - 1
        });
        let time = event.timestamp.as_u64();
        let fence = self.counted.get_mut(index);
        if !fence.is_some_and(|(_, fence)| fence.admit(offset, time, now)) {
            return;
        }
        self.is_changed = true;
        if !is_first {
            return;
        }
        self.events += 1;
        self.first_seen = Some(self.first_seen.unwrap_or(time).min(time));
        if self.last_seen.is_none_or(|last| last <= time) {
            self.last_seen = Some(time);
            self.latest = Some(event);
        }
    }

    /// What brings MongoDB up to date, if it isn't: only where nobody was faster.
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
        for (field, text) in self.latest.into_iter().flat_map(latest) {
            match text {
                Some(text) => set.insert(field, text),
                None => unset.insert(field, ""),
            };
        }
        Some(match self.revision {
            None => doc! {
                "q": { "_id": self.id },
                "u": { "$setOnInsert": set },
                "upsert": true,
            },
            Some(revision) if unset.is_empty() => doc! {
                "q": { "_id": self.id, "revision": revision },
                "u": { "$set": set },
            },
            Some(revision) => doc! {
                "q": { "_id": self.id, "revision": revision },
                "u": { "$set": set, "$unset": unset },
            },
        })
    }

    fn counted(&self) -> Vec<Bson> {
        let counted = self.counted.iter().map(|(place, fence)| {
            Bson::from(doc! {
                "topic": &*place.topic,
                "partition": i64::from(place.partition),
                "next": to_i64(fence.next),
                "newest": DateTime::from_millis(to_i64(fence.newest)),
            })
        });
        counted.collect()
    }
}

/// What is known of a user from the last event.
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
