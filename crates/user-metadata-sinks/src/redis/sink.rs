use std::collections::HashMap;

use tracing::{error, info, warn};
use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use super::before::fences;
use super::config::RedisConfig;
use super::error::WriteError;
use super::link::Link;
use super::recent::Recent;
use super::row::Row;
use super::transaction::{Outcome, store};
use crate::OpenError;
use crate::fence::{Fence, Place};

/// How many events a transaction has: Redis does nothing else meanwhile, and readers wait.
const CHUNK: usize = 200;

/// Keeps the latest metadata of each user in Redis, who is online from what, and how often users
/// joined each day.
///
/// Every event is counted once, however often it comes; what Redis acknowledged and lost in a crash
/// is written again. Opened by [`SinkUrl`](crate::SinkUrl), read by [`Presence`](crate::Presence).
#[derive(Debug)]
pub struct RedisSink {
    link: Link,
    config: RedisConfig,
    /// How far Redis has said that it counted.
    acknowledged: HashMap<Place, Fence>,
    recent: Recent,
}

impl RedisSink {
    pub(crate) fn open(config: &RedisConfig) -> Result<Self, OpenError> {
        Ok(Self {
            link: Link::new(config.client()?),
            config: config.clone(),
            acknowledged: HashMap::new(),
            recent: Recent::default(),
        })
    }

    async fn look(&mut self) -> Result<(), WriteError> {
        let connection = self.link.connection().await?;
        // Writes nothing, and is refused where writing would be.
        let mut write = redis::cmd("DEL");
        let write = write.arg(self.config.keys.nothing());
        Ok(write.exec_async(connection).await?)
    }

    async fn store(&mut self, rows: &[Row]) -> Result<(), WriteError> {
        let rows: Vec<_> = rows.iter().collect();
        for chunk in rows.chunks(CHUNK) {
            while !self.store_chunk(chunk).await? {
                self.bring_back().await?;
            }
        }
        Ok(())
    }

    /// Whether it could be stored; if not, Redis has lost something.
    async fn store_chunk(&mut self, rows: &[&Row]) -> Result<bool, WriteError> {
        let stored = store(&mut self.link, &self.config, &self.acknowledged, rows).await?;
        let Outcome::Stored {
            before,
            fences,
            anew,
        } = stored
        else {
            return Ok(false);
        };
        for (place, before) in before {
            if !self.acknowledged.contains_key(&place) {
                let first = rows.iter().find(|row| row.place == place);
                tell_gap(&place, before, first.map_or(0, |row| row.offset));
            }
        }
        for place in &anew {
            let Place { topic, partition } = place;
            info!(%topic, partition, "the topic was made anew; it is counted from its start");
            self.recent.forget(place);
        }
        self.acknowledged.extend(fences);
        Ok(true)
    }

    /// Writes again what Redis acknowledged lately, and says what can't be written again.
    async fn bring_back(&mut self) -> Result<(), WriteError> {
        let places = self.acknowledged.keys().cloned();
        let mut found = fences(&mut self.link, &self.config, places).await?;
        let rows: Vec<_> = self.recent.rows().collect();
        let events = rows.len();
        warn!(
            events,
            "Redis has lost what it had acknowledged; what it got last is written again"
        );
        for (place, found) in &found {
            let Some(acknowledged) = self.acknowledged.get(place) else {
                continue;
            };
            let first = self.recent.first_offset(place).unwrap_or(acknowledged.next);
            if found.has_lost(*acknowledged) && found.next < first {
                let Place { topic, partition } = place;
                let missing = first - found.next;
                error!(%topic, partition, missing, "records are lost: Redis has forgotten more than is kept here");
            }
        }
        for chunk in rows.chunks(CHUNK) {
            let stored = store(&mut self.link, &self.config, &HashMap::new(), chunk).await?;
            if let Outcome::Stored { fences, .. } = stored {
                found.extend(fences);
            }
        }
        self.acknowledged = found;
        Ok(())
    }
}

/// What came in the last second before Redis *and* this program crashed is gone: the topic goes on
/// behind it.
fn tell_gap(Place { topic, partition }: &Place, before: Fence, first: u64) {
    if before.next > 0 && first > before.next {
        let missing = first - before.next;
        warn!(%topic, partition, missing, "records lie between what Redis has counted and what comes; those that are events are missing in it");
    }
}

impl Sink for RedisSink {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        let looked = self.look().await;
        if looked.is_err() {
            self.link.cut();
        }
        Ok(looked?)
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let rows: Vec<_> = batch.iter().map(Row::new).collect();
        let stored = self.store(&rows).await;
        if stored.is_err() {
            self.link.cut();
        }
        stored?;
        self.recent.add(rows);
        Ok(Vec::new())
    }
}
