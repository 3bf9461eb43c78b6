use serde::Deserialize;
use serde_json::error::Category;

use crate::user::{InvalidUser, check};
use crate::{User, UserMetadataEvent};

/// The largest value of a record, in bytes. The fields' own limits keep an event far below it.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;

/// Why a record's value is not an event. No message quotes the value, which is personal data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The record has no value: it marks its key as deleted.
    #[error("record is a tombstone")]
    Tombstone,
    /// The value is larger than an event can be.
    #[error("value has {bytes} bytes, more than {MAX_EVENT_BYTES}")]
    TooLarge {
        /// The value's size in bytes.
        bytes: usize,
    },
    /// The value is not JSON, or not the JSON of an event.
    #[error("value is not an event: {problem} (line {line}, column {column})")]
    Json {
        /// What is wrong: `missing field `userId``, `invalid JSON`, …
        problem: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field that names the user is outside its limits.
    #[error("value is not an event: {0}")]
    Field(#[from] InvalidUser),
}

/// Why an event can't be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event is larger than readers take.
    #[error("event has {bytes} bytes, more than {MAX_EVENT_BYTES}")]
    TooLarge {
        /// The event's size in bytes.
        bytes: usize,
    },
    /// A value that JSON can't hold.
    #[error("event is not representable in JSON: {problem}")]
    Json {
        /// What is wrong.
        problem: String,
    },
}

impl UserMetadataEvent {
    /// Decodes the value of one record. Unknown keys are kept, not refused, so that a newer
    /// producer does not stop an older consumer.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]: no value, too large a value, not an event, or a field outside its limits.
    ///
    /// ```
    /// use user_metadata_events::{DecodeError, UserMetadataEvent};
    /// assert_eq!(UserMetadataEvent::decode(None), Err(DecodeError::Tombstone));
    /// let error = UserMetadataEvent::decode(Some(b"{}")).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "value is not an event: missing field `id` (line 1, column 2)"
    /// );
    /// ```
    pub fn decode(value: Option<&[u8]>) -> Result<Self, DecodeError> {
        let event: Self = read(checked(value)?)?;
        check("userId", &event.user_id, User::MAX_ID)?;
        check("username", &event.username, User::MAX_USERNAME)?;
        check("sessionId", &event.session_id, User::MAX_SESSION_ID)?;
        Ok(event)
    }

    /// Encodes the event as the value of a record: UTF-8 JSON without white space.
    ///
    /// # Errors
    ///
    /// [`EncodeError`]: larger than [`MAX_EVENT_BYTES`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut value = Vec::new();
        self.encode_behind(&mut value)?;
        Ok(value)
    }

    /// As [`encode`](Self::encode), behind what the buffer already holds.
    pub(crate) fn encode_behind(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        let before = buffer.len();
        serde_json::to_writer(&mut *buffer, self).map_err(|error| EncodeError::Json {
            problem: describe(&error),
        })?;
        match buffer.len() - before {
            0..=MAX_EVENT_BYTES => Ok(()),
            bytes => Err(EncodeError::TooLarge { bytes }),
        }
    }
}

/// The value, if there is one and it is not larger than an event can be.
pub(crate) fn checked(value: Option<&[u8]>) -> Result<&[u8], DecodeError> {
    let value = value.ok_or(DecodeError::Tombstone)?;
    if value.len() > MAX_EVENT_BYTES {
        return Err(DecodeError::TooLarge { bytes: value.len() });
    }
    Ok(value)
}

pub(crate) fn read<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, DecodeError> {
    // UTF-8 is checked once, not string by string; serde_json says where it is invalid.
    let event = match std::str::from_utf8(value) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(value),
    };
    event.map_err(|error| DecodeError::Json {
        problem: describe(&error),
        line: error.line(),
        column: error.column(),
    })
}

/// Names the problem without quoting the record: of serde's messages only those that hold nothing
/// but a field's name are passed on.
fn describe(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Io | Category::Syntax => "invalid JSON".to_owned(),
        Category::Eof => "the JSON ends early".to_owned(),
        Category::Data => {
            let message = error.to_string();
            let names_a_field =
                message.starts_with("missing field") || message.starts_with("duplicate field");
            match message.rsplit_once(" at line ") {
                Some((problem, _)) if names_a_field => problem.to_owned(),
                _ => "a field has a wrong type or value".to_owned(),
            }
        }
    }
}
