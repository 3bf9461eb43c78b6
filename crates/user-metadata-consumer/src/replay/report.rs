use tracing::{debug, warn};
use user_metadata_events::Record;

use super::progress::{SharedTrack, lock};
use crate::{Rejection, SinkError, TopicWriter};

/// Where events go that a sink rejects in a replay: nowhere. They lie in the topic already, or in
/// that of the dead letters; another copy there would come again with every replay.
#[derive(Clone)]
pub(crate) struct Report {
    progress: SharedTrack,
}

/// So many are named in the log; further ones are only counted.
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
