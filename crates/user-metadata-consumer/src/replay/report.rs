use tracing::{debug, warn};
use user_metadata_events::Record;

use super::progress::{SharedTrack, lock};
use crate::{Rejection, SinkError, TopicWriter};

/// Takes the events that a sink rejects in a replay. They are not written anywhere: they are
/// already in the topic or among its dead letters, and another copy would come again with every
/// replay.
#[derive(Clone)]
pub(crate) struct Report {
    progress: SharedTrack,
}

/// How many are logged; further ones are only counted.
const NAMED: u64 = 100;

impl Report {
    pub(super) const fn new(progress: SharedTrack) -> Self {
        Self { progress }
    }
}

impl TopicWriter for Report {
    async fn append(&mut self, records: &[Record]) -> Result<Vec<Rejection>, SinkError> {
        for record in records {
            let count = lock(&self.progress).rejected();
            let header = |name| String::from_utf8_lossy(record.header(name).unwrap_or_default());
            let sink = header("dlq_sink");
            let (topic, partition) = (header("dlq_topic"), header("dlq_partition"));
            let position = format!("{topic}[{partition}]@{}", header("dlq_offset"));
            if count <= NAMED {
                warn!(%sink, position, "rejected; it stays where it is");
            }
            if count == NAMED {
                warn!(%sink, "further rejected events are only counted");
            }
            // It may quote the event.
            debug!(%sink, position, reason = %header("dlq_reason"), "rejected");
        }
        Ok(Vec::new())
    }
}
