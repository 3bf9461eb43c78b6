//! Commands and what they answer, each within a time: the driver knows no limit.

use std::future::IntoFuture;
use std::time::Duration;

use mongodb::Cursor;
use mongodb::bson::{Bson, Document};
use mongodb::error::Error;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::StoreError;

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) async fn within<T>(
    command: impl IntoFuture<Output = Result<T, Error>>,
) -> Result<T, StoreError> {
    Ok(within_driver(command).await??)
}

/// [`within`], with the driver's own error.
pub(super) async fn within_driver<T>(
    command: impl IntoFuture<Output = Result<T, Error>>,
) -> Result<Result<T, Error>, StoreError> {
    timeout(PATIENCE, command)
        .await
        .map_err(|_| StoreError::Late)
}

/// All that a query finds.
pub(super) async fn collect<T: DeserializeOwned>(
    find: impl IntoFuture<Output = Result<Cursor<T>, Error>>,
) -> Result<Vec<T>, StoreError> {
    within(async { read_all(find.await?).await }).await
}

/// What is left of a cursor; it is for the caller to limit the time.
pub(super) async fn read_all<T: DeserializeOwned>(mut cursor: Cursor<T>) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    while cursor.advance().await? {
        found.push(cursor.deserialize_current()?);
    }
    Ok(found)
}

/// A number of an answer, in whichever type the server writes it.
pub(super) fn number(document: &Document, key: &str) -> Option<i64> {
    match document.get(key)? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) => Some(*number as i64),
        _ => None,
    }
}
