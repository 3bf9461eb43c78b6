use user_metadata_events::EncodedEvent;
use user_metadata_log::EncodedBatch;
#[cfg(feature = "disk")]
use {user_metadata_events::UnixMillis, user_metadata_log::RecordRef};

/// The events' records as the log stores them.
#[cfg(feature = "embedded")]
pub(crate) fn records(events: &[EncodedEvent], source: &str) -> EncodedBatch {
    let mut batch = EncodedBatch::default();
    for event in events {
        let headers: Vec<_> = event.headers(source).collect();
        let (key, value) = (Some(event.key()), Some(event.value()));
        batch.push(key, value, headers, event.timestamp().as_i64());
    }
    batch
}

/// The events as the outbox stores them: with the headers that can't be made again.
#[cfg(feature = "disk")]
pub(crate) fn kept<'a>(
    events: impl IntoIterator<Item = &'a EncodedEvent>,
    source: &str,
) -> EncodedBatch {
    let mut batch = EncodedBatch::default();
    for event in events {
        let headers = [
            ("ce_source", event.source().unwrap_or(source)),
            ("traceparent", event.traceparent().unwrap_or_default()),
        ];
        let headers = match event.traceparent() {
            None => &headers[..1],
            Some(_) => &headers,
        };
        let (key, value) = (Some(event.key()), Some(event.value()));
        let headers = headers.iter().copied();
        batch.push(key, value, headers, event.timestamp().as_i64());
    }
    batch
}

/// An event that the outbox stored; `None` if the record is not an event.
#[cfg(feature = "disk")]
pub(crate) fn event(record: RecordRef<'_>) -> Option<EncodedEvent> {
    let header = |name| {
        let (_, value) = record.headers().find(|(header, _)| *header == name)?;
        str::from_utf8(value).ok()
    };
    EncodedEvent::from_parts(
        record.key.unwrap_or_default(),
        record.value,
        u64::try_from(record.timestamp_ms)
            .ok()
            .and_then(UnixMillis::new)
            .unwrap_or(UnixMillis::EPOCH),
        header("ce_source"),
        header("traceparent"),
    )
    .ok()
}
