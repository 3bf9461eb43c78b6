use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use crate::{
    DecodeError, EVENT_TYPE, EncodeError, EventId, Record, UnixMillis, UserMetadataEvent, codec,
};

/// An event ready to be sent: its value is encoded, its headers are made with its record.
///
/// A record takes fifteen allocations, most of them equal in all records; this takes one, which its
/// clones share. So more events fit into the same memory, and fewer allocations are freed on
/// another thread, which is what costs most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    id: EventId,
    timestamp: UnixMillis,
    /// The user's id and name, the trace context, the source, and the value.
    text: Arc<[u8]>,
    /// Where each of them but the last ends.
    ends: [u32; 4],
}

/// What is read of a stored event.
#[derive(Deserialize)]
struct Kept<'a> {
    id: EventId,
    #[serde(borrow)]
    username: Cow<'a, str>,
}

impl UserMetadataEvent {
    /// Writes the event as the record's value. `traceparent` is that of
    /// [`to_record`](Self::to_record).
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: larger than readers take.
    pub fn to_encoded(&self, traceparent: Option<&str>) -> Result<EncodedEvent, EncodeError> {
        /// Most events are smaller.
        const VALUE: usize = 1_024;
        let (key, username) = (self.user_id.as_bytes(), self.username.as_bytes());
        let traceparent = traceparent.unwrap_or_default().as_bytes();
        let parts = [key, username, traceparent];
        let mut text = Vec::with_capacity(parts.map(<[u8]>::len).iter().sum::<usize>() + VALUE);
        let ends = parts.map(|part| {
            text.extend_from_slice(part);
            text.len() as u32
        });
        self.encode_behind(&mut text)?;
        Ok(EncodedEvent {
            id: self.id,
            timestamp: self.timestamp,
            text: text.into(),
            ends: [ends[0], ends[1], ends[2], ends[2]],
        })
    }
}

impl EncodedEvent {
    /// Rebuilds an event from its stored parts: the record's key, value and time, and the headers
    /// `ce_source` and `traceparent`. The other headers are made again.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]: the value is not an event. Only its id and name are checked.
    pub fn from_parts(
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: UnixMillis,
        source: Option<&str>,
        traceparent: Option<&str>,
    ) -> Result<Self, DecodeError> {
        let value = codec::checked(value)?;
        let Kept { id, username } = codec::read(value)?;
        let [source, traceparent] = [source, traceparent].map(|text| text.unwrap_or_default());
        let too_large = |bytes| DecodeError::TooLarge { bytes };
        let parts = [
            key,
            username.as_bytes(),
            traceparent.as_bytes(),
            source.as_bytes(),
        ];
        let mut ends = [0; 4];
        let mut end = 0_usize;
        for (part, place) in parts.iter().zip(&mut ends) {
            end += part.len();
            *place = u32::try_from(end).map_err(|_| too_large(end))?;
        }
        let mut text = Vec::with_capacity(end + value.len());
        parts.iter().for_each(|part| text.extend_from_slice(part));
        text.extend_from_slice(value);
        Ok(Self {
            id,
            timestamp,
            text: text.into(),
            ends,
        })
    }

    /// The event's id.
    #[must_use]
    pub fn id(&self) -> EventId {
        self.id
    }

    /// The record's time: that of the join.
    #[must_use]
    pub fn timestamp(&self) -> UnixMillis {
        self.timestamp
    }

    /// The record's key: the user's id.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.part(0)
    }

    /// The user's name.
    #[must_use]
    pub fn username(&self) -> &str {
        str::from_utf8(self.part(1)).unwrap_or_default()
    }

    /// The trace context of the upgrade.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.text(2)
    }

    /// The record's `ce_source`, if another producer made the event.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.text(3)
    }

    /// The record's value: the event as JSON.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.text[self.ends[3] as usize..]
    }

    fn part(&self, part: usize) -> &[u8] {
        let start = part.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[part] as usize]
    }

    fn text(&self, part: usize) -> Option<&str> {
        let text = str::from_utf8(self.part(part)).ok();
        text.filter(|text| !text.is_empty())
    }

    /// The record's size, as [`Record::size`] counts it.
    #[must_use]
    pub fn record_size(&self, source: &str) -> usize {
        /// The names of the headers, and the values that always have the same length.
        const HEADERS: usize = 146;
        const TRACEPARENT: usize = "traceparent".len();
        let source = self.source().unwrap_or(source);
        let traceparent = self.traceparent();
        let traceparent = traceparent.map_or(0, |value| TRACEPARENT + value.len());
        self.key().len() + self.value().len() + HEADERS + source.len() + traceparent
    }

    /// The record's headers, by name, see [`UserMetadataEvent::to_record`].
    pub fn headers<'a>(
        &'a self,
        source: &'a str,
    ) -> impl Iterator<Item = (&'static str, Cow<'a, [u8]>)> {
        let lent = |text: &'a str| Cow::Borrowed(text.as_bytes());
        let made = |text: String| Cow::Owned(text.into_bytes());
        let traceparent = self.traceparent().map(lent);
        [
            ("ce_id", made(self.id.to_string())),
            ("ce_source", lent(self.source().unwrap_or(source))),
            ("ce_specversion", lent("1.0")),
            ("ce_time", made(self.timestamp.to_string())),
            ("ce_type", lent(EVENT_TYPE)),
            ("content-type", lent("application/json")),
        ]
        .into_iter()
        .chain(traceparent.map(|value| ("traceparent", value)))
    }

    /// The record, see [`UserMetadataEvent::to_record`].
    #[must_use]
    pub fn to_record(&self, source: &str) -> Record {
        let owned =
            |(name, value): (&str, Cow<'_, [u8]>)| (name.to_owned(), value.into_owned().into());
        Record {
            key: Some(Bytes::copy_from_slice(self.key())),
            value: Some(Bytes::copy_from_slice(self.value())),
            headers: self.headers(source).map(owned).collect(),
            timestamp: self.timestamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientId, ConnectionInfo, MAX_EVENT_BYTES, Metadata, User};

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
                let (key, value) = (encoded.key(), Some(encoded.value()));
                let kept = EncodedEvent::from_parts(
                    key,
                    value,
                    encoded.timestamp(),
                    Some("/here"),
                    traceparent,
                )
                .unwrap();
                assert_eq!((kept.id(), kept.username()), (event.id, "John"));
                assert_eq!(kept.to_record("/there"), record);
                assert_eq!(kept.record_size("/there"), record.size());
            }
        }
    }

    #[test]
    fn a_value_that_is_no_event_is_not_kept() {
        let from = |value| EncodedEvent::from_parts(b"k", value, UnixMillis::EPOCH, None, None);
        assert_eq!(from(None), Err(DecodeError::Tombstone));
        assert!(matches!(from(Some(b"{}")), Err(DecodeError::Json { .. })));
        let large = vec![b' '; MAX_EVENT_BYTES + 1];
        assert!(matches!(
            from(Some(&large)),
            Err(DecodeError::TooLarge { .. })
        ));
    }
}
