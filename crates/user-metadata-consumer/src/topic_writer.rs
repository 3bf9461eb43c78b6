use std::future::Future;

use user_metadata_events::Record;

use crate::{Rejection, SinkError};

/// Appends records to one topic: dead letters go there, and what a sink has to publish itself. So
/// a sink needs to know neither Kafka nor the embedded log.
pub trait TopicWriter: Send + 'static {
    /// Appends `records`, each to the partition of its key, makes the topic if it is not there,
    /// and returns what the topic will never take. Bounded in time.
    ///
    /// # Errors
    ///
    /// [`SinkError`]: try again; some of the records may be there all the same.
    fn append(
        &mut self,
        records: &[Record],
    ) -> impl Future<Output = Result<Vec<Rejection>, SinkError>> + Send;
}
