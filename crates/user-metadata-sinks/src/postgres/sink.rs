use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio_util::task::AbortOnDropHandle;
use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use super::connect::Connector;
use super::keeper::look_after_partitions;
use super::row::Row;
use super::schema::Wanted;
use super::writer::Writer;
use crate::OpenError;
use crate::url::PostgresUrl;

/// Writes events as rows into a PostgreSQL database, each once, however often it is delivered.
///
/// A batch is split by user over the connections, and stored by one transaction on each.
pub(crate) struct PostgresSink {
    connector: Arc<Connector>,
    writers: Vec<Writer>,
    /// Assigns users to connections.
    hasher: RandomState,
    /// Maintains the partitions.
    keeper: Option<AbortOnDropHandle<()>>,
}

impl PostgresSink {
    /// Reads files that the URL names; connects to nothing yet.
    pub(crate) fn open(url: &PostgresUrl) -> Result<Self, OpenError> {
        let connector = Arc::new(Connector::new(url)?);
        let writer = || Writer::new(Arc::clone(&connector), Wanted::of(url), url.tables);
        let writers = (0..url.connections.get()).map(|_| writer()).collect();
        Ok(Self {
            connector,
            writers,
            hasher: RandomState::new(),
            keeper: None,
        })
    }
}

impl fmt::Debug for PostgresSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSink")
            .field("connections", &self.writers.len())
            .finish_non_exhaustive()
    }
}

impl Sink for PostgresSink {
    async fn prepare(&mut self) -> Result<(), SinkError> {
        let connecting = self.writers.iter_mut().map(Writer::connect);
        worst(join_all(connecting).await)?;
        self.keeper.get_or_insert_with(|| {
            let keeper = look_after_partitions(Arc::clone(&self.connector));
            AbortOnDropHandle::new(tokio::spawn(keeper))
        });
        Ok(())
    }

    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let mut rejections = Vec::new();
        let count = self.writers.len();
        let share = || Vec::with_capacity(batch.len().div_ceil(count) * 5 / 4);
        let mut shares: Vec<_> = self.writers.iter().map(|_| share()).collect();
        for (index, delivery) in batch.iter().enumerate() {
            // By user, so that no two transactions wait for the same row of `users`. Not by
            // partition: a topic may have only one.
            let user = self.hasher.hash_one(&delivery.event.user_id);
            match Row::new(index, &delivery.event) {
                Ok(row) => shares[(user % count as u64) as usize].push(row),
                Err(reason) => rejections.push(Rejection::new(index, reason)),
            }
        }
        let writing = self.writers.iter_mut().zip(shares);
        let writing = writing
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(writer, rows)| writer.write(rows));
        // Each to its end: an interrupted one would only have to be repeated.
        let refused = worst(join_all(writing).await)?;
        rejections.extend(refused.into_iter().flatten());
        Ok(rejections)
    }
}

/// All values, or the most severe error.
fn worst<T>(results: Vec<Result<T, SinkError>>) -> Result<Vec<T>, SinkError> {
    let mut values = Vec::with_capacity(results.len());
    let mut worst = None;
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error @ SinkError::Fatal(_)) => return Err(error),
            Err(error) => worst = Some(error),
        }
    }
    worst.map_or(Ok(values), Err)
}
