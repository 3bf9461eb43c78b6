use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use redis::Pipeline;
use user_metadata_events::UnixMillis;

use super::before::{Before, FENCE, look};
use super::config::RedisConfig;
use super::error::WriteError;
use super::keys::facets;
use super::link::Link;
use super::row::Row;
use crate::fence::{Fence, Place};

/// The result of a chunk.
pub(super) enum Outcome {
    /// It is stored, and these are the fences now; the topic of the partitions `recreated` was
    /// recreated, and events of those in `left` are left to the group to count.
    Stored {
        before: HashMap<Place, Fence>,
        fences: HashMap<Place, Fence>,
        recreated: Vec<Place>,
        left: Vec<Place>,
    },
    /// Redis has lost what it had acknowledged.
    HasLost,
}

/// How often another process may interfere.
const ATTEMPTS: usize = 5;

/// Stores rows in one transaction, unless Redis has lost what it had acknowledged.
pub(super) async fn store(
    link: &mut Link,
    config: &RedisConfig,
    acknowledged: &HashMap<Place, Fence>,
    rows: &[&Row],
) -> Result<Outcome, WriteError> {
    for _ in 0..ATTEMPTS {
        let before = look(link, config, rows).await?;
        let lost = |(place, fence): (&&Place, &Fence)| {
            let known = acknowledged.get(*place);
            known.is_some_and(|known| fence.has_lost(*known))
        };
        if before.fences.iter().any(lost) {
            // Ends the watch, too.
            link.cut();
            return Ok(Outcome::HasLost);
        }
        let chunk = Chunk::new(config, rows, before);
        let connection = link.connection().await?;
        let stored: Option<()> = chunk.pipeline().query_async(connection).await?;
        if stored.is_some() {
            return Ok(chunk.outcome());
        }
    }
    Err(WriteError::Contended)
}

/// What a transaction is to write.
struct Chunk<'a> {
    config: &'a RedisConfig,
    now: u64,
    /// By user, the newest event, unless Redis has a newer one.
    latest: HashMap<&'a str, &'a Row>,
    /// By facet, when each user was last seen.
    online: BTreeMap<String, HashMap<&'a str, u64>>,
    /// By the key of the day and by facet, how often users joined.
    counts: BTreeMap<String, BTreeMap<String, u64>>,
    before: HashMap<&'a Place, Fence>,
    fences: HashMap<&'a Place, Fence>,
    recreated: Vec<Place>,
    left: Vec<Place>,
}

impl<'a> Chunk<'a> {
    fn new(config: &'a RedisConfig, rows: &[&'a Row], before: Before<'a>) -> Self {
        let now = UnixMillis::from(SystemTime::now()).as_u64();
        let mut chunk = Self {
            config,
            now,
            latest: HashMap::with_capacity(rows.len()),
            online: BTreeMap::new(),
            counts: BTreeMap::new(),
            fences: before.fences.clone(),
            before: before.fences,
            recreated: Vec::new(),
            left: Vec::new(),
        };
        for row in rows {
            let stored = before.users.get(row.user()).copied().flatten();
            if stored.is_none_or(|stored| stored <= row.time) {
                let latest = chunk.latest.entry(row.user()).or_insert(row);
                if latest.time <= row.time {
                    *latest = row;
                }
            }
            chunk.see(row);
            chunk.count(row);
        }
        chunk
    }

    fn see(&mut self, row: &'a Row) {
        // A clock that is ahead keeps nobody online.
        let time = row.time.min(self.now);
        if self.now - time > millis(self.config.window) {
            return;
        }
        for facet in facets(row).chain(["all".to_owned()]) {
            let users = self.online.entry(facet).or_default();
            let seen = users.entry(row.user()).or_default();
            *seen = (*seen).max(time);
        }
    }

    fn count(&mut self, row: &'a Row) {
        let fence = self.fences.entry(&row.place).or_default();
        let next = fence.next;
        let is_admitted = match row.replayed_from {
            Some(from) => fence.admit_replayed(from, row.offset, row.time),
            None => fence.admit(row.offset, row.time),
        };
        if !is_admitted {
            if row.offset >= next && !self.left.contains(&row.place) {
                self.left.push(row.place.clone());
            }
            return;
        }
        if row.offset < next {
            self.recreated.push(row.place.clone());
        }
        let day = UnixMillis::new(row.time).unwrap_or(UnixMillis::MAX);
        let day = self.config.keys.day(day);
        let counts = self.counts.entry(day).or_default();
        for facet in facets(row).chain(["all".to_owned()]) {
            *counts.entry(facet).or_default() += 1;
        }
    }

    fn pipeline(&self) -> Pipeline {
        let mut pipeline = Pipeline::with_capacity(2 * self.latest.len() + 100);
        pipeline.atomic();
        self.write_latest(&mut pipeline);
        self.write_online(&mut pipeline);
        self.write_counts(&mut pipeline);
        for (place, fence) in &self.fences {
            let hash = pipeline.cmd("HSET").arg(self.config.keys.fence(place));
            for (field, value) in FENCE.iter().zip([fence.next, fence.newest]) {
                hash.arg(field).arg(value);
            }
            hash.ignore();
        }
        pipeline
    }

    fn write_latest(&self, pipeline: &mut Pipeline) {
        let ttl = self.config.ttl.as_secs();
        for (user, row) in &self.latest {
            let key = self.config.keys.user(user);
            let hash = pipeline.cmd("HSET").arg(&key);
            hash.arg("timestamp").arg(row.time);
            for (name, text) in row.fields() {
                hash.arg(name).arg(text);
            }
            hash.ignore();
            pipeline.cmd("EXPIRE").arg(&key).arg(ttl).ignore();
        }
    }

    fn write_online(&self, pipeline: &mut Pipeline) {
        let window = millis(self.config.window);
        let oldest = format!("({}", self.now.saturating_sub(window));
        for (facet, users) in &self.online {
            let key = self.config.keys.online(facet);
            let set = pipeline.cmd("ZADD").arg(&key).arg("GT");
            for (user, seen) in users {
                set.arg(*seen).arg(*user);
            }
            set.ignore();
            self.trim(pipeline, &key, &oldest);
        }
        let Some(newest) = self.online.get("all").and_then(|all| all.values().max()) else {
            return;
        };
        let key = self.config.keys.names();
        let names = pipeline.cmd("ZADD").arg(&key).arg("GT");
        for facet in self.online.keys() {
            names.arg(*newest).arg(facet);
        }
        names.ignore();
        self.trim(pipeline, &key, &oldest);
    }

    /// Removes entries that are older than the window; the set expires with the last one.
    fn trim(&self, pipeline: &mut Pipeline, key: &str, oldest: &str) {
        let remove = pipeline.cmd("ZREMRANGEBYSCORE").arg(key);
        remove.arg("-inf").arg(oldest).ignore();
        let ttl = millis(self.config.window);
        pipeline.cmd("PEXPIRE").arg(key).arg(ttl).ignore();
    }

    fn write_counts(&self, pipeline: &mut Pipeline) {
        for (key, counts) in &self.counts {
            for (facet, count) in counts {
                let add = pipeline.cmd("HINCRBY").arg(key);
                add.arg(facet).arg(*count).ignore();
            }
            let ttl = self.config.day_ttl.as_secs();
            pipeline.cmd("EXPIRE").arg(key).arg(ttl).ignore();
        }
    }

    fn outcome(self) -> Outcome {
        let owned = |fences: HashMap<&Place, Fence>| {
            let fences = fences.into_iter();
            fences
                .map(|(place, fence)| (place.clone(), fence))
                .collect()
        };
        Outcome::Stored {
            before: owned(self.before),
            fences: owned(self.fences),
            recreated: self.recreated,
            left: self.left,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
