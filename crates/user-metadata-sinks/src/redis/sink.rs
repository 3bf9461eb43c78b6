use std::collections::{HashMap, HashSet};

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
use crate::times::reject_future;

/// The most events in one transaction: Redis does nothing else in the meantime, and readers wait.
const CHUNK: usize = 200;

/// Keeps the latest metadata of each user in Redis, who is online with which device, and how often
/// users joined each day.
///
/// Every event is counted once, however often it is delivered; what Redis acknowledged and lost in a crash
/// is written again. Opened by [`SinkUrl`](crate::SinkUrl), read by [`Presence`](crate::Presence).
#[derive(Debug)]
pub struct RedisSink {
    link: Link,
    config: RedisConfig,
    /// How far Redis has counted, by its own acknowledgement.
    acknowledged: HashMap<Place, Fence>,
    /// The first offset that this sink counted of a partition that Redis did not know.
    began: HashMap<Place, u64>,
    /// Partitions for which the log says that a replay leaves counting to the group.
    left: HashSet<Place>,
    recent: Recent,
}

impl RedisSink {
    pub(crate) fn open(config: &RedisConfig) -> Result<Self, OpenError> {
        Ok(Self {
            link: Link::new(config.client()?),
            config: config.clone(),
            acknowledged: HashMap::new(),
            began: HashMap::new(),
            left: HashSet::new(),
            recent: Recent::default(),
        })
    }

    async fn look(&mut self) -> Result<(), WriteError> {
        let connection = self.link.connection().await?;
        // Writes nothing, but is refused if writing would be.
        let mut write = redis::cmd("DEL");
        let write = write.arg(self.config.keys.nothing());
        Ok(write.exec_async(connection).await?)
    }

    /// What is wrong with the eviction policy of Redis, if it can be read: the user may not be
    /// allowed to.
    pub(crate) async fn eviction(&mut self) -> Option<String> {
        let connection = self.link.connection().await.ok()?;
        let mut ask = redis::cmd("CONFIG");
        let ask = ask.arg("GET").arg("maxmemory-policy");
        let answer: HashMap<String, String> = ask.query_async(connection).await.ok()?;
        let policy = answer
            .into_values()
            .find(|policy| policy.starts_with("allkeys"))?;
        Some(format!(
            "the eviction policy {policy} of Redis removes keys that say how far events are \
             counted; set `noeviction` or `volatile-lru`"
        ))
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
            recreated,
            left,
        } = stored
        else {
            return Ok(false);
        };
        for (place, before) in before {
            if !self.acknowledged.contains_key(&place) {
                self.begin(place, before, rows);
            }
        }
        for place in left {
            if self.left.insert(place.clone()) {
                let Place { topic, partition } = place;
                info!(%topic, partition, "the replay is ahead of what is counted; the consumer group counts these events when it gets there");
            }
        }
        for place in &recreated {
            let Place { topic, partition } = place;
            info!(%topic, partition, "the topic was recreated; it is counted from its start");
            self.recent.forget(place);
        }
        self.acknowledged.extend(fences);
        Ok(true)
    }

    /// Notes where Redis stood `before` the first rows of a partition.
    fn begin(&mut self, place: Place, before: Fence, rows: &[&Row]) {
        let Some(first) = rows.iter().find(|row| row.place == place) else {
            return;
        };
        if before == Fence::default() {
            self.began.insert(place, first.offset);
        } else if first.replayed_from.is_none() {
            warn_of_gap(&place, before, first.offset);
        }
    }

    /// Writes again what Redis acknowledged recently, and logs what can't be written again.
    async fn bring_back(&mut self) -> Result<(), WriteError> {
        let places = self.acknowledged.keys().cloned();
        let mut found = fences(&mut self.link, &self.config, places).await?;
        let rows: Vec<_> = self.recent.rows().collect();
        let events = rows.len();
        warn!(
            events,
            "Redis has lost what it had acknowledged; the recent events are written again"
        );
        for (place, found) in &found {
            let Some(acknowledged) = self.acknowledged.get(place) else {
                continue;
            };
            let first = self.recent.first_offset(place).unwrap_or(acknowledged.next);
            let began = self.began.get(place).copied().unwrap_or_default();
            let missing = missing(*found, *acknowledged, began, first);
            if missing > 0 {
                let Place { topic, partition } = place;
                error!(%topic, partition, missing, "records are lost: Redis has lost more than is kept here");
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

/// How many records Redis has lost that can't be written again: those below the `first` that is
/// kept. Records below where counting `began` were never there.
fn missing(found: Fence, acknowledged: Fence, began: u64, first: u64) -> u64 {
    if found.has_lost(acknowledged) {
        first.saturating_sub(found.next.max(began))
    } else {
        0
    }
}

/// Events of the last second before Redis *and* this program crashed are lost: the group has
/// committed past them.
fn warn_of_gap(Place { topic, partition }: &Place, before: Fence, first: u64) {
    if first > before.next {
        let missing = first - before.next;
        warn!(%topic, partition, missing, "there are records between those that Redis has counted and the next; the events among them are missing in Redis");
    }
}

impl Sink for RedisSink {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        let looked = self.look().await;
        if looked.is_err() {
            self.link.cut();
        }
        looked?;
        if let Some(problem) = self.eviction().await {
            warn!("{problem}");
        }
        Ok(())
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let mut rejections = Vec::new();
        let rows = reject_future(batch, &mut rejections).into_iter();
        let rows: Vec<_> = rows.map(|(_, delivery)| Row::new(delivery)).collect();
        let stored = self.store(&rows).await;
        if stored.is_err() {
            self.link.cut();
        }
        stored?;
        self.recent.add(rows);
        Ok(rejections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_before_the_first_event_that_was_counted_is_not_lost() {
        let fence = |next| Fence { next, newest: 10 };
        let acknowledged = fence(300);
        // All that was counted is kept: the group began at 200, and Redis was emptied.
        assert_eq!(missing(Fence::default(), acknowledged, 200, 200), 0);
        assert_eq!(missing(Fence::default(), acknowledged, 200, 250), 50);
        assert_eq!(missing(fence(240), acknowledged, 200, 250), 10);
        assert_eq!(missing(fence(260), acknowledged, 0, 250), 0);
        assert_eq!(missing(acknowledged, acknowledged, 0, 310), 0);
    }
}
