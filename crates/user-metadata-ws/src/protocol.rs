//! The messages of a session: one JSON object in each text frame.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use user_metadata_capture::{ClientId, EventId, JoinError, Metadata};

/// A client's message, by its type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Join,
    Ping,
}

/// A message of the server.
#[derive(Debug, Serialize)]
#[serde(
    tag = "type",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Reply<'a> {
    Joined {
        event_id: EventId,
        client_id: ClientId,
        session_id: &'a str,
        metadata: &'a Metadata,
    },
    Pong,
    Error(&'a Problem),
}

/// What is wrong with a message, or with a connection.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
}

impl Request {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        // Serde would take an array for a struct.
        if !text.trim_start().starts_with('{') {
            return Err(Problem::new("invalid_json", "send one JSON object"));
        }
        let envelope: Envelope =
            serde_json::from_str(text).map_err(|error| match error.classify() {
                Category::Data => Problem::unknown_type(),
                _ => Problem::invalid_json(&error),
            })?;
        match envelope.kind.as_deref() {
            Some("join") => Ok(Self::Join),
            Some("ping") => Ok(Self::Ping),
            _ => Err(Problem::unknown_type()),
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Reply<'_> {
    pub(crate) fn to_json(&self) -> String {
        // Serializing a reply can't fail: it has no map with keys other than strings.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Problem {
    pub(crate) const fn new(code: &'static str, message: &'static str) -> Self {
        Self {
            code,
            message: Cow::Borrowed(message),
            field: None,
        }
    }

    fn unknown_type() -> Self {
        Self {
            field: Some("type".to_owned()),
            ..Self::new("unknown_type", "type must be `join` or `ping`")
        }
    }

    fn invalid_json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        Self {
            message: format!("not JSON (line {line}, column {column})").into(),
            ..Self::new("invalid_json", "")
        }
    }
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        let message = error.to_string().into();
        match error {
            JoinError::Field(invalid) => Self {
                code: "invalid_join",
                message,
                field: Some(invalid.field),
            },
            _ => Self {
                code: "invalid_json",
                message,
                field: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_type_matters_at_first() {
        assert_eq!(
            Request::parse(r#" {"user":[[]],"type":"join"}"#),
            Ok(Request::Join)
        );
        assert_eq!(Request::parse(r#"{"type":"p\u0069ng"}"#), Ok(Request::Ping));
    }

    #[test]
    fn what_is_not_one_json_object_is_invalid_json() {
        for text in [
            "",
            "null",
            "7",
            r#"["join"]"#,
            "{",
            r#"{"type":"ping"}{}"#,
            "{\"type\":\"ping\0\"}",
            &"[".repeat(30_000),
        ] {
            assert_eq!(
                Request::parse(text).unwrap_err().code,
                "invalid_json",
                "{text}"
            );
        }
        let deep = format!(r#"{{"type":"ping","x":{}"#, "[".repeat(10_000));
        assert_eq!(Request::parse(&deep).unwrap_err().code, "invalid_json");
    }

    #[test]
    fn another_type_or_none_is_an_unknown_type() {
        for text in [
            "{}",
            r#"{"type":"leave"}"#,
            r#"{"type":5}"#,
            r#"{"type":null}"#,
            r#"{"type":"ping","type":"join"}"#,
        ] {
            let problem = Request::parse(text).unwrap_err();
            assert_eq!(
                (problem.code, problem.field.as_deref()),
                ("unknown_type", Some("type")),
                "{text}"
            );
        }
    }

    #[test]
    fn an_error_is_written_with_its_field() {
        let problem = Request::parse("{}").unwrap_err();
        let json = r#"{"type":"error","code":"unknown_type","message":"type must be `join` or `ping`","field":"type"}"#;
        assert_eq!(Reply::Error(&problem).to_json(), json);
        assert_eq!(Reply::Pong.to_json(), r#"{"type":"pong"}"#);
    }
}
