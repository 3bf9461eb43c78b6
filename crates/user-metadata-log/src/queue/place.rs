//! A queue whose file is deleted while it is in use.

use super::{DiskQueue, insert, open_undamaged};
use crate::database::{create_parent, moves_log_at_end};
use crate::error::{OpenError, QueueReadError, StorageError};
use crate::lock::is_at;
use crate::queue_reader::{QueuedBatch, next_batch};
use crate::salvage::{put_back, remove};

impl DiskQueue {
    /// Whether the file is still at its path: it may have been deleted or replaced.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        // If that can't be found out now, it is taken to be there.
        is_at(&self.path, self.identity).unwrap_or(true)
    }

    /// Creates the file again at its path after it was deleted, with all its batches under their
    /// ids. Until then only this process can read them.
    ///
    /// # Errors
    ///
    /// [`OpenError::Foreign`] if there is another file, [`OpenError::InUse`] if another writer has the
    /// path, and [`OpenError::Io`] or [`OpenError::Storage`] when the disk refuses: nothing has
    /// changed, and it can be tried again.
    pub fn put_back(&mut self) -> Result<(), OpenError> {
        let storage = |error| OpenError::Storage {
            path: self.path.clone(),
            source: StorageError(error),
        };
        // When this one is closed, the log at the path is not its own.
        moves_log_at_end(&self.connection, false).map_err(storage)?;
        create_parent(&self.path)?;
        let lock = self._lock.renew(&self.path)?;
        let lock = put_back(&self.path, lock, self.sync, |new| self.copy_into(new))?;
        let made = open_undamaged(&self.path, self.sync)
            .and_then(|(connection, _)| Self::new(&self.path, self.sync, connection, lock));
        let made = made.inspect_err(|_| drop(remove(&self.path)))?;
        let next_id = self.next_id;
        *self = Self { next_id, ..made };
        Ok(())
    }

    /// Copies all batches that can be read, in one transaction.
    fn copy_into(&self, new: &mut Self) -> Result<(), StorageError> {
        let transaction = new.connection.transaction().map_err(StorageError)?;
        let mut last = 0;
        loop {
            let batch = match next_batch(&self.connection, last) {
                Ok(batch) => batch,
                Err(QueueReadError::Corrupt { id, .. }) => {
                    last = id;
                    continue;
                }
                Err(QueueReadError::Storage(error)) if error.is_damage() => {
                    self.next_readable(last)
                }
                Err(QueueReadError::Storage(error)) => return Err(error),
            };
            let Some(QueuedBatch { id, records }) = batch else {
                break;
            };
            insert(&transaction, id, &records).map_err(StorageError)?;
            last = id;
        }
        transaction.commit().map_err(StorageError)
    }
}
