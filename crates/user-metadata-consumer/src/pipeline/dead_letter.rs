use user_metadata_events::{Record, UnixMillis};

use crate::Position;

/// A record that could not be stored, on its way to the dead-letter topic.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    pub(crate) record: Record,
    pub(crate) position: Position,
    pub(crate) cause: LetterCause,
    /// In words.
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetterCause {
    /// The value is not an event.
    Undecodable,
    /// The sink's target will never accept it.
    Rejected,
}

impl LetterCause {
    pub(crate) const ALL: [Self; 2] = [Self::Undecodable, Self::Rejected];

    /// The label in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Rejected => "rejected",
        }
    }
}

impl DeadLetter {
    /// The record for the dead-letter topic: key, value and headers as they came, and further
    /// headers for where it came from, why and when. Its timestamp is `now`: retention goes by it,
    /// and a dead letter about an old record must not be removed before anybody has read it.
    pub(crate) fn to_record(&self, sink: &str, now: UnixMillis) -> Record {
        let mut record = self.record.clone();
        record.timestamp = now;
        // A dead letter that was put back into the topic and failed again carries only the headers
        // of its last failure.
        record.headers.retain(|(name, _)| !name.starts_with("dlq_"));
        let headers = [
            ("dlq_reason", self.reason.clone()),
            ("dlq_sink", sink.to_owned()),
            ("dlq_topic", self.position.topic.to_string()),
            ("dlq_partition", self.position.partition.to_string()),
            ("dlq_offset", self.position.offset.to_string()),
            ("dlq_time", now.to_string()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.into()));
        record.headers.extend(headers);
        record
    }
}
