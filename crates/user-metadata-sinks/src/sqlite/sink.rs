use std::path::Path;

use user_metadata_consumer::{Delivery, Rejection, Sink, SinkError};

use super::database::Database;
use super::error::WriteError;
use super::row::Row;
use crate::OpenError;
use crate::tables::Tables;
use crate::times::reject_future;
use crate::worker::Worker;

/// Writes events as rows into a SQLite file, each once, however often it is delivered.
///
/// A batch is a transaction, and synced to disk before it counts as stored: stored events
/// survive a kill and a power cut. The file has a connection and a thread of its own.
///
/// Dropping it waits until the file is closed, which includes a checkpoint: some
/// milliseconds, and seconds if another process locks the file. Where that must not block, drop it
/// on a thread that may, e.g. with tokio's `spawn_blocking`.
#[derive(Debug)]
pub struct SqliteSink {
    worker: Worker<Vec<Row>, Result<(), WriteError>>,
}

impl SqliteSink {
    /// Opens the file; creates it (0600) and its directory (0700) if they are missing. Blocks for
    /// some milliseconds, and for seconds if another process locks the file.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: another kind of file, one of a newer version, or one that can't be written.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), Tables::default())
    }

    pub(crate) fn open_with(path: &Path, tables: Tables) -> Result<Self, OpenError> {
        Self::start(Database::open(path, tables)?)
    }

    pub(super) fn start(database: Database) -> Result<Self, OpenError> {
        let insert = move |rows: Vec<Row>| database.insert(&rows);
        let worker = Worker::start("sqlite-sink", insert).map_err(OpenError::Start)?;
        Ok(Self { worker })
    }
}

impl Drop for SqliteSink {
    fn drop(&mut self) {
        self.worker.join();
    }
}

impl Sink for SqliteSink {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        let mut rows = Vec::with_capacity(batch.len());
        let mut rejections = Vec::new();
        for (index, delivery) in reject_future(batch, &mut rejections) {
            match Row::new(&delivery.event) {
                Ok(row) => rows.push(row),
                Err(error) => rejections.push(Rejection::new(index, format!("not JSON: {error}"))),
            }
        }
        self.worker.run(rows).await??;
        Ok(rejections)
    }
}
