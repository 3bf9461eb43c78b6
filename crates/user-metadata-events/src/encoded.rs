use crate::{DecodeError, EVENT_TYPE, EncodeError, EventId, Record, UnixMillis, UserMetadataEvent};

/// An event that waits to be sent: its value is written, its headers are made with its record.
///
/// A record has fifteen pieces of memory, most of them the same in every other; this has two. So
/// more events fit into the memory that may wait, and fewer pieces go from thread to thread, which
/// is what costs most about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    id: EventId,
    timestamp: UnixMillis,
    key: Box<[u8]>,
    value: Box<[u8]>,
    traceparent: Option<Box<str>>,
    /// Of an event that another producer has made.
    source: Option<Box<str>>,
}

impl UserMetadataEvent {
    /// Writes the event as the record's value. `traceparent` is that of
    /// [`to_record`](Self::to_record).
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: larger than readers take.
    pub fn to_encoded(&self, traceparent: Option<&str>) -> Result<EncodedEvent, EncodeError> {
        Ok(EncodedEvent {
            id: self.id,
            timestamp: self.timestamp,
            key: self.user_id.as_bytes().into(),
            // Many may wait for long, so what the buffer has too much is given back.
            value: self.encode()?.into(),
            traceparent: traceparent.map(Into::into),
            source: None,
        })
    }
}

impl EncodedEvent {
    /// Takes a record apart that was kept: its value, time, `ce_source` and `traceparent`. The
    /// other headers are made anew. Also returns the event in it.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]: the value is no event.
    pub fn from_record(record: Record) -> Result<(Self, UserMetadataEvent), DecodeError> {
        let event = UserMetadataEvent::decode(record.value.as_deref())?;
        let text = |name: &str| {
            let value = record.header(name)?;
            std::str::from_utf8(value).ok().map(Into::into)
        };
        let encoded = Self {
            id: event.id,
            timestamp: record.timestamp,
            traceparent: text("traceparent"),
            source: text("ce_source"),
            key: record.key.unwrap_or_default().into(),
            value: record.value.unwrap_or_default().into(),
        };
        Ok((encoded, event))
    }

    /// The event's id.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The record's value: the event as JSON.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// The record's time: that of the join.
    #[must_use]
    pub fn timestamp(&self) -> UnixMillis {
        self.timestamp
    }

    /// The trace context of the upgrade.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The record's `ce_source` where another producer has made the event.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// The record's key: the user's id.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// What the record will take, as [`Record::size`] counts it.
    #[must_use]
    pub fn record_size(&self, source: &str) -> usize {
        /// The names of the headers, and the values that always have the same length.
        const HEADERS: usize = 146;
        const TRACEPARENT: usize = "traceparent".len();
        let source = self.source.as_deref().unwrap_or(source);
        let traceparent = self.traceparent.as_ref();
        let traceparent = traceparent.map_or(0, |value| TRACEPARENT + value.len());
        self.key.len() + self.value.len() + HEADERS + source.len() + traceparent
    }

    /// The record, see [`UserMetadataEvent::to_record`].
    #[must_use]
    pub fn to_record(&self, source: &str) -> Record {
        self.clone().into_record(source)
    }

    /// The record, see [`UserMetadataEvent::to_record`].
    #[must_use]
    pub fn into_record(self, source: &str) -> Record {
        let source = self.source.as_deref().unwrap_or(source);
        let mut headers = Vec::with_capacity(7);
        headers.extend([
            header("ce_specversion", "1.0"),
            header("ce_id", self.id.to_string()),
            header("ce_type", EVENT_TYPE),
            header("ce_source", source),
            header("ce_time", self.timestamp.to_string()),
            header("content-type", "application/json"),
        ]);
        let traceparent = self.traceparent.map(String::from);
        headers.extend(traceparent.map(|value| header("traceparent", value)));
        Record {
            key: Some(self.key.into_vec()),
            value: Some(self.value.into_vec()),
            headers,
            timestamp: self.timestamp,
        }
    }
}

fn header(name: &str, value: impl Into<String>) -> (String, Vec<u8>) {
    (name.to_owned(), value.into().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientId, ConnectionInfo, Metadata, User};

    #[test]
    fn the_size_is_known_before_the_record_is_made() {
        for at in [0, 1_763_856_000_123, UnixMillis::MAX.as_u64()] {
            let at = UnixMillis::new(at).unwrap();
            let user = User::new("user-123", "John", None).unwrap();
            let connection = ConnectionInfo::new(ClientId::new(at));
            let event =
                UserMetadataEvent::new(EventId::new(at), user, Metadata::default(), connection);
            for traceparent in [
                None,
                Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ] {
                let encoded = event.to_encoded(traceparent).unwrap();
                assert_eq!(
                    encoded.record_size("/here"),
                    encoded.to_record("/here").size()
                );
                let record = encoded.to_record("/here");
                let (kept, decoded) = EncodedEvent::from_record(record.clone()).unwrap();
                assert_eq!(decoded, event);
                assert_eq!(kept.to_record("/there"), record);
                assert_eq!(kept.record_size("/there"), record.size());
            }
        }
    }
}
