//! Whether a sink could start, without starting it.

use user_metadata_consumer::{Sink as _, SinkError};

use crate::url::Target;
use crate::{BuiltinSink, IpPrivacy};

/// Connects to the target without creating or changing anything. Returns notes for the operator.
pub(crate) async fn check(target: &Target, ip: IpPrivacy) -> Result<Vec<String>, SinkError> {
    match target {
        #[cfg(feature = "sqlite")]
        Target::Sqlite(path, tables) => {
            let (path, tables) = (path.clone(), *tables);
            let look = move || crate::sqlite::changes(&path, tables);
            on_a_thread(look).await.map(a_start_would)
        }
        #[cfg(feature = "file")]
        Target::File(target) => {
            let path = target.path.clone();
            let look = move || crate::file::changes(&path);
            on_a_thread(look).await.map(a_start_would)
        }
        #[cfg(feature = "postgres")]
        Target::Postgres(url) => crate::postgres::changes(url).await.map(a_start_would),
        #[cfg(feature = "mongodb")]
        Target::Mongo(config) => crate::mongodb::changes(config).await.map(a_start_would),
        #[cfg(feature = "redis")]
        Target::Redis(config) => {
            let mut sink = crate::RedisSink::open(config).map_err(SinkError::fatal)?;
            sink.prepare().await?;
            Ok(sink.eviction().await.into_iter().collect())
        }
        _ => {
            // Preparing these sinks writes nothing.
            let mut sink = BuiltinSink::open(target, ip).map_err(SinkError::fatal)?;
            sink.prepare().await?;
            Ok(of_the_key(target))
        }
    }
}

/// File access may block.
#[cfg(any(feature = "file", feature = "sqlite"))]
async fn on_a_thread(
    look: impl Fn() -> Result<Vec<String>, crate::FileError> + Send + 'static,
) -> Result<Vec<String>, SinkError> {
    let worker = crate::worker::Worker::start("check", move |()| look());
    let worker = worker.map_err(SinkError::fatal)?;
    worker.run(()).await?.map_err(SinkError::fatal)
}

#[cfg(any(
    feature = "file",
    feature = "sqlite",
    feature = "postgres",
    feature = "mongodb"
))]
fn a_start_would(changes: Vec<String>) -> Vec<String> {
    if changes.is_empty() {
        return changes;
    }
    vec![format!("a start would {}", changes.join(", "))]
}

/// No vendor has a request that validates the key and stores nothing.
fn of_the_key(target: &Target) -> Vec<String> {
    let note = match target {
        Target::Webhook(_)
        | Target::Segment(_)
        | Target::Mixpanel(_)
        | Target::Amplitude(_)
        | Target::Posthog(_) => "the key is checked with the first event",
        Target::Ga4(_) => "GA4 does not report a wrong key: look at its realtime report",
        _ => return Vec::new(),
    };
    vec![note.to_owned()]
}
