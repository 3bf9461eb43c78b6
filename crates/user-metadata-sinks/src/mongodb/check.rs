use std::future::IntoFuture as _;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::{Collection, IndexModel};
use user_metadata_consumer::SinkError;

use super::config::MongoConfig;
use super::error::StoreError;

/// How long MongoDB may take to list the indexes.
const PATIENCE: Duration = Duration::from_secs(15);
/// In seconds.
const DAY: u64 = 24 * 60 * 60;
/// There is no such collection.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// What a start would create or change, as words that follow "a start would"; creates and changes
/// nothing.
pub(crate) async fn changes(config: &MongoConfig) -> Result<Vec<String>, SinkError> {
    let password = config.password().map_err(SinkError::fatal)?;
    let client = config.client(password.as_ref()).await?;
    let events = client.database(&config.database).collection("events");
    let listing = tokio::time::timeout(PATIENCE, indexes(&events)).await;
    let indexes = listing
        .map_err(|_| StoreError::Late)?
        .map_err(StoreError::from)?;
    let index = |keys: Document| indexes.iter().find(move |index| index.keys == keys);
    let (of_user, of_time) = (
        index(doc! { "userId": 1, "timestamp": -1 }),
        index(doc! { "timestamp": 1 }),
    );
    let mut changes = Vec::new();
    if of_user.is_none() || of_time.is_none() {
        changes.push("create the indexes of `events`".to_owned());
    }
    let Some(of_time) = of_time else {
        return Ok(changes);
    };
    let now = of_time.options.as_ref().and_then(|o| o.expire_after);
    match (now, config.keep) {
        (now, Some(keep)) if now != Some(keep) => {
            let now = now.map_or("for ever".to_owned(), in_words);
            let keep = in_words(keep);
            changes.push(format!("keep events for {keep} (they are kept {now})"));
        }
        (Some(now), None) => {
            let now = in_words(now);
            return Err(SinkError::fatal(format!(
                "an index of `events` removes what is older than {now}; drop the index, or say how \
                 long: `?keep=TIME`"
            )));
        }
        _ => {}
    }
    Ok(changes)
}

async fn indexes(events: &Collection<Document>) -> Result<Vec<IndexModel>, Error> {
    let mut cursor = match events.list_indexes().into_future().await {
        Ok(cursor) => cursor,
        Err(error) => match &*error.kind {
            ErrorKind::Command(command) if command.code == NAMESPACE_NOT_FOUND => {
                return Ok(Vec::new());
            }
            _ => return Err(error),
        },
    };
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % DAY == 0 => format!("{} days", seconds / DAY),
        seconds => format!("{seconds} s"),
    }
}
