use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, serialize_to_document};
use user_metadata_consumer::{Delivery, Position};
use user_metadata_events::UnixMillis;

/// MongoDB's limit.
const LARGEST: usize = 16 * 1024 * 1024;
/// The field that a document has besides the event's.
pub(super) const RECORD: &str = "_record";

/// The document of an event: its fields as in JSON, but `_id` for `id`, times as dates, and the
/// position of its record.
pub(super) fn document(delivery: &Delivery) -> Result<RawDocumentBuf, String> {
    let Delivery {
        event, position, ..
    } = delivery;
    let mut fields = serialize_to_document(event).map_err(|error| no_document(&error))?;
    for taken in ["_id", RECORD] {
        if fields.contains_key(taken) {
            return Err(format!(
                "it has a field `{taken}`, which is MongoDB's or the sink's"
            ));
        }
    }
    fields.remove("id");
    fields.insert("timestamp", date(event.timestamp));
    if let Ok(connection) = fields.get_document_mut("connectionInfo") {
        connection.insert(
            "connectionTime",
            date(event.connection_info.connection_time),
        );
    }
    let mut document = doc! { "_id": event.id.to_string() };
    document.extend(fields);
    document.insert(RECORD, record(position));
    let raw = RawDocumentBuf::try_from(&document).map_err(|error| no_document(&error))?;
    let bytes = raw.as_bytes().len();
    if bytes > LARGEST {
        return Err(format!("it has {bytes} bytes, and MongoDB takes 16 MiB"));
    }
    Ok(raw)
}

/// Without the library's message: it may quote the event, which is personal data.
fn no_document(_: &impl std::error::Error) -> String {
    "it has a number or a key that MongoDB can't store".to_owned()
}

/// The position of a record.
pub(super) fn record(position: &Position) -> Document {
    doc! {
        "topic": &*position.topic,
        "partition": i64::from(position.partition),
        "offset": to_i64(position.offset),
    }
}

pub(super) fn date(time: UnixMillis) -> Bson {
    DateTime::from_millis(time.as_i64()).into()
}

/// Offsets are signed in Kafka, too.
pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
