//! The Redis sink keeps what `Sink` promises, as far as the latest of each user tells.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use user_metadata_consumer::conformance::{StoredEvent, Subject, check};
use user_metadata_consumer::{BoxError, Delivery, Position, Rejection, Sink, SinkError};
use user_metadata_events::UserMetadataEvent;
use user_metadata_sinks::{BuiltinSink, SinkUrl};
use user_metadata_testing::redis::{Server, cli};
use user_metadata_testing::require;

/// Redis keeps the latest of each user, so what came before is known here only: it counts as stored
/// where Redis has something newer of that user.
struct Redis {
    server: Server,
    given: Arc<Mutex<Given>>,
}

#[derive(Default)]
struct Given {
    events: Vec<UserMetadataEvent>,
    positions: BTreeSet<(u32, u64)>,
}

struct Noted(BuiltinSink, Arc<Mutex<Given>>);

impl Sink for Noted {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        self.0.prepare().await
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let rejections = self.0.write(batch).await?;
        let mut given = self.1.lock().unwrap();
        for Delivery {
            event, position, ..
        } in batch
        {
            let Position {
                partition, offset, ..
            } = position;
            if given.positions.insert((*partition, *offset)) {
                given.events.push(event.clone());
            }
        }
        Ok(rejections)
    }
}

impl Subject for Redis {
    type Sink = Noted;

    async fn open(&mut self) -> Result<Noted, BoxError> {
        let url: SinkUrl = self.server.url().parse()?;
        Ok(Noted(url.open()?, Arc::clone(&self.given)))
    }

    async fn stored(&mut self) -> Result<Vec<StoredEvent>, BoxError> {
        let given = self.given.lock().unwrap();
        let mut users: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
        let mut stored: BTreeMap<_, StoredEvent> = BTreeMap::new();
        for event in &given.events {
            let user = &*event.user_id;
            let hash = users
                .entry(user)
                .or_insert_with(|| hash(&self.server.url(), &format!("um:u:{user}")));
            let Some(time) = hash.get("timestamp").and_then(|time| time.parse().ok()) else {
                continue;
            };
            if event.id.to_string() == hash["event"] {
                same(event, hash)?;
                stored.insert(event.id, StoredEvent::Event(Box::new(event.clone())));
            } else if event.timestamp.as_u64() <= time {
                stored.insert(event.id, event.id.into());
            }
        }
        let counted = counted(&self.server.url());
        let positions = given.positions.len();
        if counted != positions {
            return Err(format!("{positions} records came, and {counted} are counted").into());
        }
        Ok(stored.into_values().collect())
    }

    async fn set_available(&mut self, available: bool) -> Result<bool, BoxError> {
        if available {
            self.server.thaw();
        } else {
            self.server.freeze();
        }
        Ok(true)
    }

    fn is_ordered(&self) -> bool {
        false
    }
}

fn hash(url: &str, key: &str) -> BTreeMap<String, String> {
    let lines = cli(url, &["HGETALL", key]).unwrap();
    let pairs = lines.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].clone(), pair[1].clone()))
        .collect()
}

/// The joins of all days.
fn counted(url: &str) -> usize {
    let days = cli(url, &["KEYS", "um:day:*"]).unwrap();
    let counts = days.iter().filter(|day| !day.is_empty()).map(|day| {
        let count = &cli(url, &["HGET", day, "all"]).unwrap()[0];
        count.parse::<usize>().unwrap()
    });
    counts.sum()
}

fn same(event: &UserMetadataEvent, hash: &BTreeMap<String, String>) -> Result<(), BoxError> {
    let metadata = &event.metadata;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    for (field, expected) in [
        ("username", event.username.clone()),
        ("session", event.session_id.clone()),
        ("browser", text(&metadata.browser)),
        ("os", text(&metadata.os)),
        ("device", text(&metadata.device)),
        ("language", text(&metadata.language)),
        ("timestamp", event.timestamp.as_u64().to_string()),
    ] {
        if hash[field] != expected {
            return Err(format!("{field} is {:?} and not {expected:?}", hash[field]).into());
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_redis_sink_keeps_its_promise() {
    let server = require!(Server::start());
    require!(cli(&server.url(), &["PING"]));
    let given = Arc::default();
    check(Redis { server, given }).await.unwrap();
}
