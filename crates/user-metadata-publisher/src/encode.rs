use std::sync::Arc;

use user_metadata_events::Record;
use user_metadata_log::{EncodedBatch, RecordRef};

/// The records as the log stores them.
pub(crate) fn encoded<'a>(records: impl IntoIterator<Item = &'a Arc<Record>>) -> EncodedBatch {
    let mut batch = EncodedBatch::default();
    for record in records {
        batch.push(RecordRef {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
            timestamp_ms: record.timestamp.as_i64(),
        });
    }
    batch
}
