use bytes::Bytes;

use crate::{EncodeError, UnixMillis, UserMetadataEvent};

/// The `ce_type` of every event that this version publishes.
pub const EVENT_TYPE: &str = "user-metadata.joined.v1";

/// A record as it goes to a topic and comes from it, whatever carries it.
///
/// Its parts share the buffer that they were read into: copy a small part that you keep for long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Decides the partition.
    pub key: Option<Bytes>,
    /// The payload; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Names and values, in order.
    pub headers: Vec<(String, Bytes)>,
    /// When the event happened.
    pub timestamp: UnixMillis,
}

impl Record {
    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| &**value)
    }

    /// The approximate size of the record in memory and on the wire, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let length = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len());
        length(&self.key) + length(&self.value) + headers.sum::<usize>()
    }
}

impl UserMetadataEvent {
    /// The record of this event: key = user id, value = JSON, and the headers of
    /// [CloudEvents 1.0 in Kafka's binary content mode][binding].
    ///
    /// `source` names the producer (`/ws-server/HOSTNAME`), `traceparent` is the upgrade's
    /// [W3C trace context](https://www.w3.org/TR/trace-context/), if it carried one.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: larger than readers take.
    ///
    /// [binding]: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md#32-binary-content-mode
    pub fn to_record(
        &self,
        source: &str,
        traceparent: Option<&str>,
    ) -> Result<Record, EncodeError> {
        Ok(self.to_encoded(traceparent)?.to_record(source))
    }
}
