use std::time::Duration;

use mongodb::bson::Document;
use mongodb::error::{Error, ErrorKind};
use mongodb::{Collection, IndexModel};
use user_metadata_consumer::SinkError;

use super::command::{read_all, within};
use super::config::MongoConfig;
use super::store::index_keys;

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
    let indexes = within(indexes(&events)).await?;
    let [of_user, of_time] =
        index_keys().map(|keys| indexes.iter().find(|index| index.keys == keys));
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
    match events.list_indexes().await {
        Ok(cursor) => read_all(cursor).await,
        Err(error) => match &*error.kind {
            ErrorKind::Command(command) if command.code == NAMESPACE_NOT_FOUND => Ok(Vec::new()),
            _ => Err(error),
        },
    }
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % DAY == 0 => format!("{} days", seconds / DAY),
        seconds => format!("{seconds} s"),
    }
}
