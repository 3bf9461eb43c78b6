//! Events to post, and what became of them.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::json;
use user_metadata_consumer::{BoxError, Delivery, SinkError};
use user_metadata_events::{EventId, UnixMillis};

use super::vendor::{Fake, Fault};

/// An event of now, since some vendors accept no old ones.
pub(crate) fn event(number: u32, user: &str) -> Delivery {
    super::event(number, |event| {
        event.timestamp = UnixMillis::from(SystemTime::now());
        event.id = EventId::from_parts(event.timestamp, number.into());
        user.clone_into(&mut event.user_id);
    })
}

pub(crate) fn events(count: u32) -> Vec<Delivery> {
    (0..count).map(|number| event(number, "user-1")).collect()
}

pub(crate) fn stored(fake: &Fake) -> BTreeSet<EventId> {
    fake.state().stored.iter().map(|event| event.id()).collect()
}

pub(crate) fn ids(batch: &[Delivery]) -> BTreeSet<EventId> {
    batch.iter().map(|delivery| delivery.event.id).collect()
}

pub(crate) fn unavailable(error: SinkError) -> (Option<Duration>, BoxError) {
    match error {
        SinkError::Unavailable {
            retry_after,
            source,
        } => (retry_after, source),
        error => panic!("{error:?}"),
    }
}

/// A response with that status.
pub(crate) const STATUS: fn(u16) -> Fault = |status| Fault::Answer(status, &[], json!({}));
