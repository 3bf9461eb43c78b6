use std::fmt;
use std::sync::Arc;

use user_metadata_events::{Record, UserMetadataEvent, parse_traceparent};

/// One event as a sink gets it: decoded, together with its record.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Delivery {
    /// The event.
    pub event: UserMetadataEvent,
    /// The record that contained it: key, raw value, headers, timestamp.
    pub record: Record,
    /// The position of the record.
    pub position: Position,
    /// In a replay of events, the offset from which on the sink was given all that there is of the
    /// partition, up to this record; `None` where the group itself reads. A sink that notes how far
    /// a partition is stored must not note what lies before it.
    pub replayed_from: Option<u64>,
}

impl Delivery {
    /// Puts an event together with the record that contained it.
    #[must_use]
    pub const fn new(event: UserMetadataEvent, record: Record, position: Position) -> Self {
        Self {
            event,
            record,
            position,
            replayed_from: None,
        }
    }

    /// The `traceparent` header of the upgrade, if it carried a valid one by [W3C Trace
    /// Context](https://www.w3.org/TR/trace-context/#traceparent-header), for a sink that continues
    /// the trace.
    ///
    /// ```
    /// # use user_metadata_consumer::{Delivery, UserMetadataEvent};
    /// fn trace_id(delivery: &Delivery) -> Option<&str> {
    ///     // 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    ///     delivery.traceparent()?.split('-').nth(1)
    /// }
    /// ```
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        let headers = self.record.headers.iter();
        let mut values = headers.filter(|(name, _)| name == "traceparent");
        // As in HTTP, if there are two, neither is valid.
        let (Some((_, value)), None) = (values.next(), values.next()) else {
            return None;
        };
        let value = std::str::from_utf8(value).ok()?;
        parse_traceparent(value).map(|_| value)
    }
}

/// The position of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition, from 0.
    pub partition: u32,
    /// The offset in the partition, from 0.
    pub offset: u64,
}

/// `user-metadata[2]@17`.
impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]@{}", self.topic, self.partition, self.offset)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use user_metadata_events::UnixMillis;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn delivery(traceparents: &[&str]) -> Delivery {
        let value = include_bytes!("conformance/bare.json");
        let headers = traceparents.iter();
        let record = Record {
            key: None,
            value: Some(Bytes::from_static(value)),
            headers: headers
                .map(|value| {
                    (
                        "traceparent".to_owned(),
                        Bytes::copy_from_slice(value.as_bytes()),
                    )
                })
                .collect(),
            timestamp: UnixMillis::EPOCH,
        };
        let position = Position {
            topic: Arc::from("user-metadata"),
            partition: 0,
            offset: 0,
        };
        let event = UserMetadataEvent::decode(Some(value)).unwrap();
        Delivery::new(event, record, position)
    }

    #[test]
    fn a_sink_gets_the_traceparent_of_the_record() {
        assert_eq!(delivery(&[VALID]).traceparent(), Some(VALID));
        let of_the_future = format!("{}-what-ever", VALID.replacen("00", "cc", 1));
        assert_eq!(
            delivery(&[&of_the_future]).traceparent(),
            Some(&*of_the_future)
        );
    }

    #[test]
    fn an_invalid_traceparent_is_none() {
        assert_eq!(delivery(&[]).traceparent(), None);
        assert_eq!(delivery(&[VALID, VALID]).traceparent(), None);
        assert_eq!(delivery(&[&VALID[..54]]).traceparent(), None);
    }
}
