use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use user_metadata_events::{
    ClientId, DEFAULT_PARTITIONS, EncodeError, EventId, MAX_EVENT_BYTES, UnixMillis, User,
    UserMetadataEvent, partition_for_key,
};

use super::violation::Fault;
use crate::pipeline::Fetched;

pub(super) const PARTITIONS: NonZeroU32 = DEFAULT_PARTITIONS;

/// Every field that an event can have, and keys of a newer version.
const FULL: &str = include_str!("full.json");
/// The fewest fields that an event can have.
const BARE: &str = include_str!("bare.json");

/// Text that has broken something somewhere: SQL, CSV, JSON and shell code, values that look like
/// another type, values that differ only in case, spaces or composition.
const ODD_TEXTS: [&str; 20] = [
    "O'Brien",
    "\"quoted\" \\ back\\\\slash",
    "'); DROP TABLE events; --",
    "$1 ? :name %s %00 {} {{x}} ${x}",
    "<script>alert('x')</script>&amp;",
    "=1+1,\";\"|`id`",
    "\\u0000 \\n \\x00",
    "null",
    "NULL",
    "007",
    "1e5",
    "true",
    " leading and trailing ",
    "user",
    "USER",
    "caf\u{e9}",
    "cafe\u{301}",
    "שלום عليكم",
    "👩‍👩‍👧‍👦 👍🏽 🏴‍☠️",
    "𝕌𝕟𝕚 字 한국 ﷽ \u{10ffff}",
];

/// The texts of an event, and the maximum length of each in characters.
const LONGEST: [(Field, usize); 5] = [
    (Field::UserId, User::MAX_ID),
    (Field::Username, User::MAX_USERNAME),
    (Field::SessionId, User::MAX_SESSION_ID),
    (Field::UserAgent, 1024),
    (Field::Language, 256),
];

#[derive(Debug, Clone, Copy)]
enum Field {
    UserId,
    Username,
    SessionId,
    UserAgent,
    Language,
}

fn set(event: &mut UserMetadataEvent, field: Field, text: &str) {
    let text = text.to_owned();
    match field {
        Field::UserId => event.user_id = text,
        Field::Username => event.username = text,
        Field::SessionId => event.session_id = text,
        Field::UserAgent => event.metadata.user_agent = Some(text),
        Field::Language => event.metadata.language = Some(text),
    }
}

/// A full event with keys of a newer version that fill it up to the last byte.
fn filled(keys: &str) -> Result<UserMetadataEvent, Fault> {
    let full = FULL.trim_end().trim_end_matches('}');
    let with = |filling: usize| {
        let filling = "x".repeat(filling);
        let json = format!(r#"{full},{keys},"filling":"{filling}"}}"#);
        let mut event = UserMetadataEvent::decode(Some(json.as_bytes())).map_err(Fault::setup)?;
        set(&mut event, Field::UserAgent, &"x".repeat(1024));
        Ok(event)
    };
    let record = with(0)?
        .to_record("/conformance", None)
        .map_err(Fault::setup)?;
    let used = record.value.map_or(0, |value| value.len());
    with(MAX_EVENT_BYTES - used)
}

/// An event and its position in the topic.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) event: UserMetadataEvent,
    pub(super) partition: u32,
    pub(super) offset: u64,
}

impl Sent {
    pub(super) fn to_fetched(&self) -> Result<Fetched, EncodeError> {
        Ok(Fetched {
            partition: self.partition,
            offset: self.offset,
            replayed_from: None,
            record: self.event.to_record("/conformance", None)?,
        })
    }
}

/// Makes events, and gives each a position in the topic.
pub(super) struct Events {
    full: UserMetadataEvent,
    bare: UserMetadataEvent,
    next_offsets: BTreeMap<u32, u64>,
    made: u64,
}

impl Events {
    pub(super) fn new() -> Result<Self, Fault> {
        let decode = |json: &str| UserMetadataEvent::decode(Some(json.as_bytes()));
        Ok(Self {
            full: decode(FULL).map_err(Fault::setup)?,
            bare: decode(BARE).map_err(Fault::setup)?,
            next_offsets: BTreeMap::new(),
            made: 0,
        })
    }

    /// Makes `count` events of 100 users, full and bare ones alternating.
    pub(super) fn plain(&mut self, count: usize) -> Vec<Sent> {
        let mut plain = || {
            let is_full = self.made.is_multiple_of(2);
            let event = if is_full { &self.full } else { &self.bare };
            let mut event = event.clone();
            event.user_id = format!("conformance-user-{}", self.made % 100);
            event.username = format!("User {}", self.made);
            self.send(event)
        };
        (0..count).map(|_| plain()).collect()
    }

    /// Makes events with text at its limits, a plain one before and after each.
    pub(super) fn odd(&mut self) -> Vec<Sent> {
        let mut odd = Vec::new();
        // One text at a time, in characters of one byte and of four, then all at once.
        for character in ["x", "🦀"] {
            let mut all = self.full.clone();
            for (field, max) in LONGEST {
                let mut event = self.full.clone();
                set(&mut event, field, &character.repeat(max));
                odd.push(event);
                set(&mut all, field, &character.repeat(max));
            }
            odd.push(all);
        }
        for text in ODD_TEXTS {
            let mut event = self.full.clone();
            for (field, _) in LONGEST {
                set(&mut event, field, text);
            }
            odd.push(event);
        }
        let mut sent = self.plain(1);
        for event in odd {
            sent.push(self.send(event));
            sent.extend(self.plain(1));
        }
        sent
    }

    /// Makes events as large as the wire allows, each in another way, a plain one before and after
    /// each.
    pub(super) fn oversize(&mut self) -> Result<Vec<Sent>, Fault> {
        let keys: Vec<String> = (0..3_000)
            .map(|key| format!(r#""key{key}":{key}"#))
            .collect();
        let deep = format!("{}1{}", r#"{"deeper":"#.repeat(100), "}".repeat(100));
        let mut sent = self.plain(1);
        for what in [
            r#""crate":"x""#.to_owned(),
            format!(r#""emoji":"{}""#, "🦀".repeat(10_000)),
            keys.join(","),
            format!(r#""deep":{deep}"#),
        ] {
            let event = filled(&what)?;
            sent.push(self.send(event));
            sent.extend(self.plain(1));
        }
        Ok(sent)
    }

    /// Makes plain events, of which those with these indices are changed by `change`, until it
    /// returns `false`.
    pub(super) fn changed(
        &mut self,
        count: usize,
        indices: &[usize],
        mut change: impl FnMut(&mut UserMetadataEvent) -> bool,
    ) -> Option<Vec<Sent>> {
        let mut sent = self.plain(count);
        for index in indices {
            if !change(&mut sent[*index].event) {
                return None;
            }
        }
        Some(sent)
    }

    /// Puts an event into the topic once more, like a publisher that missed the first
    /// acknowledgement.
    pub(super) fn again(&mut self, sent: &Sent) -> Sent {
        let offset = self.next_offsets.entry(sent.partition).or_default();
        let again = Sent {
            offset: *offset,
            ..sent.clone()
        };
        *offset += 1;
        again
    }

    /// Gives an event ids and times of its own, and a position.
    fn send(&mut self, mut event: UserMetadataEvent) -> Sent {
        self.made += 1;
        let upgrade = UnixMillis::from(SystemTime::now());
        let join = upgrade.saturating_add(Duration::from_millis(120));
        event.id = EventId::new(join);
        event.timestamp = join;
        event.connection_info.client_id = ClientId::new(upgrade);
        event.connection_info.connection_time = upgrade;
        let partition = partition_for_key(event.user_id.as_bytes(), PARTITIONS);
        let offset = self.next_offsets.entry(partition).or_default();
        let sent = Sent {
            event,
            partition,
            offset: *offset,
        };
        *offset += 1;
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oversize_event_has_not_a_byte_to_spare() {
        let sent = Events::new().unwrap().oversize().unwrap();
        let sizes = sent.iter().map(|sent| {
            let value = sent.to_fetched().unwrap().record.value.unwrap();
            value.len()
        });
        let largest = sizes.filter(|size| *size == MAX_EVENT_BYTES);
        assert_eq!(largest.count(), 4);
    }

    #[test]
    fn every_event_is_one_that_a_consumer_decodes_unchanged() {
        let mut events = Events::new().unwrap();
        let sent = [events.plain(4), events.odd(), events.oversize().unwrap()].concat();
        for sent in sent {
            let value = sent.to_fetched().unwrap().record.value;
            let decoded = UserMetadataEvent::decode(value.as_deref()).unwrap();
            assert_eq!(decoded, sent.event);
        }
    }
}
