use std::sync::Arc;

use user_metadata_events::EncodedEvent;
use user_metadata_log::{EncodedBatch, RecordRef};

/// The events' records as the log stores them.
#[cfg(feature = "embedded")]
pub(crate) fn records(events: &[Arc<EncodedEvent>], source: &str) -> EncodedBatch {
    let mut batch = EncodedBatch::default();
    for event in events {
        let record = event.to_record(source);
        batch.push(RecordRef {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &record.headers,
            timestamp_ms: record.timestamp.as_i64(),
        });
    }
    batch
}

/// The events as the outbox keeps them: with the headers that can't be made anew.
#[cfg(feature = "disk")]
pub(crate) fn kept<'a>(
    events: impl IntoIterator<Item = &'a Arc<EncodedEvent>>,
    source: &str,
) -> EncodedBatch {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let own = [header("ce_source", source)];
    let mut batch = EncodedBatch::default();
    for event in events {
        let other = match (event.source(), event.traceparent()) {
            (None, None) => None,
            (other, traceparent) => {
                let mut headers = vec![header("ce_source", other.unwrap_or(source))];
                headers.extend(traceparent.map(|value| header("traceparent", value)));
                Some(headers)
            }
        };
        batch.push(RecordRef {
            key: Some(event.key()),
            value: Some(event.value()),
            headers: other.as_deref().unwrap_or(&own),
            timestamp_ms: event.timestamp().as_i64(),
        });
    }
    batch
}
