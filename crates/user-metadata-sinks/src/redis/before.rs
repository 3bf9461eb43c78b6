use std::collections::HashMap;

use redis::{FromRedisValue as _, Pipeline, RedisError, Value};

use super::config::RedisConfig;
use super::error::WriteError;
use super::link::Link;
use super::row::Row;
use crate::fence::{Fence, Place};

/// The fields of a fence.
pub(super) const FENCE: [&str; 2] = ["next", "newest"];

/// What Redis held about the rows of a chunk before.
pub(super) struct Before<'a> {
    pub(super) fences: HashMap<&'a Place, Fence>,
    /// When each user joined last.
    pub(super) users: HashMap<&'a str, Option<u64>>,
}

/// Watches the fences and reads what is there.
pub(super) async fn look<'a>(
    link: &mut Link,
    config: &RedisConfig,
    rows: &[&'a Row],
) -> Result<Before<'a>, WriteError> {
    let keys = &config.keys;
    let mut places: Vec<&Place> = Vec::new();
    let mut users: Vec<&str> = rows.iter().map(|row| row.user()).collect();
    users.sort_unstable();
    users.dedup();
    for row in rows {
        if !places.contains(&&row.place) {
            places.push(&row.place);
        }
    }
    let fences: Vec<_> = places.iter().map(|place| keys.fence(place)).collect();
    let mut pipeline = Pipeline::with_capacity(1 + places.len() + users.len());
    pipeline.cmd("WATCH").arg(&fences).ignore();
    for fence in &fences {
        ask(&mut pipeline, fence);
    }
    for user in &users {
        pipeline.cmd("HGET").arg(keys.user(user)).arg("timestamp");
    }
    let connection = link.connection().await?;
    let answers: Vec<Value> = pipeline.query_async(connection).await?;
    let mut answers = answers.into_iter();
    let mut before = Before {
        fences: HashMap::with_capacity(places.len()),
        users: HashMap::with_capacity(users.len()),
    };
    for (place, answer) in places.into_iter().zip(&mut answers) {
        before.fences.insert(place, fence(answer)?);
    }
    for (user, answer) in users.into_iter().zip(answers) {
        let time = Option::from_redis_value(answer).map_err(RedisError::from)?;
        before.users.insert(user, time);
    }
    Ok(before)
}

/// Reads the fences of partitions.
pub(super) async fn fences(
    link: &mut Link,
    config: &RedisConfig,
    places: impl Iterator<Item = Place>,
) -> Result<HashMap<Place, Fence>, WriteError> {
    let places: Vec<_> = places.collect();
    let mut pipeline = Pipeline::new();
    for place in &places {
        ask(&mut pipeline, &config.keys.fence(place));
    }
    let connection = link.connection().await?;
    let answers: Vec<Value> = pipeline.query_async(connection).await?;
    let answers = places.into_iter().zip(answers);
    answers
        .map(|(place, answer)| Ok((place, fence(answer)?)))
        .collect()
}

fn ask(pipeline: &mut Pipeline, fence: &str) {
    pipeline.cmd("HMGET").arg(fence).arg(&FENCE);
}

fn fence(answer: Value) -> Result<Fence, RedisError> {
    let [next, newest] = <[Option<u64>; 2]>::from_redis_value(answer)?;
    Ok(Fence {
        next: next.unwrap_or_default(),
        newest: newest.unwrap_or_default(),
    })
}
