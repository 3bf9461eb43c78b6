//! A PostgreSQL sink and what it gets.

use std::error::Error;
use std::time::SystemTime;

use user_metadata_consumer::{Delivery, Sink, SinkError};
use user_metadata_events::{EventId, UnixMillis, UserMetadataEvent};
use user_metadata_sinks::{BuiltinSink, SinkUrl};
use user_metadata_testing::postgres::Database;

use super::event;

pub(crate) fn open(database: &Database, options: &str) -> BuiltinSink {
    let url = format!("{}?{options}", database.url());
    url.parse::<SinkUrl>().unwrap().open().unwrap()
}

/// A sink that is ready.
pub(crate) async fn ready(database: &Database, options: &str) -> BuiltinSink {
    let mut sink = open(database, options);
    sink.prepare().await.unwrap();
    sink
}

/// An event of now.
pub(crate) fn join(id: u32, change: impl FnOnce(&mut UserMetadataEvent)) -> Delivery {
    event(id, |event| {
        event.timestamp = SystemTime::now().into();
        event.id = EventId::from_parts(event.timestamp, id.into());
        change(event);
    })
}

pub(crate) fn at(id: u32, user: &str, millis: u64) -> Delivery {
    event(id, |event| {
        event.user_id = user.into();
        event.timestamp = UnixMillis::new(millis).unwrap();
    })
}

pub(crate) fn now() -> u64 {
    UnixMillis::from(SystemTime::now()).as_u64()
}

pub(crate) async fn write(sink: &mut impl Sink, batch: &[Delivery]) {
    assert_eq!(sink.write(batch).await.unwrap(), []);
}

pub(crate) fn fatal(result: Result<(), SinkError>) -> String {
    match result {
        Err(SinkError::Fatal(source)) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn unavailable<T: std::fmt::Debug>(result: Result<T, SinkError>) -> String {
    match result {
        Err(SinkError::Unavailable { source, .. }) => in_words(&*source),
        other => panic!("{other:?}"),
    }
}

fn in_words(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let words: Vec<_> = causes.map(ToString::to_string).collect();
    words.join(": ")
}

/// Writes like the consumer: retries while the target is unavailable.
pub(crate) async fn write_until_stored(sink: &mut impl Sink, batch: &[Delivery]) -> u32 {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    let mut failures = 0;
    loop {
        match sink.write(batch).await {
            Ok(rejections) => {
                assert_eq!(rejections, []);
                return failures;
            }
            Err(error) => {
                let said = unavailable::<()>(Err(error));
                assert!(tokio::time::Instant::now() < deadline, "{said}");
                failures += 1;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}
