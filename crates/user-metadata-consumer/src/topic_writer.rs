use std::future::Future;

use user_metadata_events::Record;

use crate::{Rejection, SinkError};

/// Appends records to one topic: dead letters, and whatever a sink publishes itself. So a sink
/// depends neither on Kafka nor on the embedded log.
pub trait TopicWriter: Send + 'static {
    /// Appends `records`, each to the partition of its key, creates the topic if it does not exist,
    /// and returns what the topic will never accept. Bounded in time.
    ///
    /// # Errors
    ///
    /// [`SinkError`]: try again; some of the records may have been written all the same.
    fn append(
        &mut self,
        records: &[Record],
    ) -> impl Future<Output = Result<Vec<Rejection>, SinkError>> + Send;
}
