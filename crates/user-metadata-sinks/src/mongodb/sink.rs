use std::fmt;

use mongodb::bson::RawDocumentBuf;
use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use super::config::MongoConfig;
use super::document::{document, record};
use super::error::StoreError;
use super::store::{Store, position};
use crate::OpenError;
use crate::secret::Secret;
use crate::times::reject_future;

/// The most events in one command.
const CHUNK: usize = 1_000;

/// Writes a document for each event into `events`, and keeps one for each user in `users`, with
/// counts that stay exact however often an event comes.
///
/// Opened by [`SinkUrl`](crate::SinkUrl).
pub struct MongoSink {
    config: MongoConfig,
    password: Option<Secret>,
    store: Option<Store>,
}

impl MongoSink {
    pub(crate) fn open(config: &MongoConfig) -> Result<Self, OpenError> {
        Ok(Self {
            password: config.password()?,
            config: config.clone(),
            store: None,
        })
    }

    async fn store(&mut self) -> Result<&Store, StoreError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => {
                let client = self.config.client(self.password.as_ref()).await?;
                let store = Store::new(client.database(&self.config.database), self.config.keep);
                store.prepare().await?;
                store
            }
        };
        Ok(self.store.insert(store))
    }
}

impl Sink for MongoSink {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        self.store().await?;
        Ok(())
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let store = self.store().await?;
        let mut rejections = Vec::new();
        let mut documents = Vec::new();
        for (index, delivery) in reject_future(batch, &mut rejections) {
            match document(delivery) {
                Ok(document) => documents.push((index, document)),
                Err(reason) => rejections.push(Rejection::new(index, reason)),
            }
        }
        for chunk in documents.chunks(CHUNK) {
            rejections.extend(write(store, batch, chunk).await?);
        }
        Ok(rejections)
    }
}

/// Events before counts: every counted event is stored, and a stored one that is not yet counted is
/// delivered again.
async fn write(
    store: &Store,
    batch: &[Delivery],
    chunk: &[(usize, RawDocumentBuf)],
) -> Result<Vec<Rejection>, StoreError> {
    let documents: Vec<_> = chunk.iter().map(|(_, document)| document.clone()).collect();
    let delivered = |number: usize| {
        let (index, _) = chunk.get(number)?;
        batch.get(*index)
    };
    let deliveries: Vec<_> = (0..chunk.len()).filter_map(delivered).collect();
    let users = store.note_missed(&deliveries).await?;
    let inserted = store.insert(&documents).await?;
    let duplicates = inserted.duplicates.iter();
    let same = store
        .same(duplicates.filter_map(|number| delivered(*number)))
        .await?;
    let taken = (0..chunk.len()).filter(|number| !inserted.rejected.contains_key(number));
    let rows = taken.filter_map(|number| {
        let delivery = delivered(number)?;
        let place = position(&delivery.event.id.to_string(), &record(&delivery.position));
        let is_first = !inserted.duplicates.contains(&number) || same.contains(&place);
        Some((delivery, is_first))
    });
    store.count(&rows.collect::<Vec<_>>(), users).await?;
    let rejected = inserted.rejected.into_iter();
    let rejections = rejected.filter_map(|(number, reason)| {
        let (index, _) = chunk.get(number)?;
        Some(Rejection::new(*index, reason))
    });
    Ok(rejections.collect())
}

/// The client holds a password.
impl fmt::Debug for MongoSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoSink")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
