use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use user_metadata_events::{Screen, User};
use user_metadata_ua::ClientHints;

/// A user who joins, and what the page says about the client.
///
/// ```
/// use user_metadata_capture::{Join, User};
/// let join = Join::new(User::new("user-123", "John", None)?).with_timezone("Europe/Paris")?;
/// let same = Join::from_json(br#"{"user":{"id":"user-123","username":"John"},"timezone":"Europe/Paris"}"#)?;
/// assert_eq!(join, same);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    pub(crate) user: User,
    pub(crate) hints: ClientHints,
    pub(crate) screen: Option<Screen>,
    pub(crate) timezone: Option<String>,
}

/// A field of a join that is not accepted. Neither the field nor the problem quotes a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
#[non_exhaustive]
pub struct InvalidJoin {
    /// The field's path in JSON: `user.id`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Why a text is not a join.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It is not JSON.
    #[error("not JSON (line {line}, column {column})")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field is missing, of the wrong type or outside its limits.
    #[error(transparent)]
    Field(#[from] InvalidJoin),
}

impl InvalidJoin {
    fn new(field: impl Into<String>, problem: impl ToString) -> Self {
        Self {
            field: field.into(),
            problem: problem.to_string(),
        }
    }
}

impl Join {
    /// The longest time zone, in bytes.
    pub const MAX_TIMEZONE: usize = 64;

    /// A join with nothing but the user.
    #[must_use]
    pub fn new(user: User) -> Self {
        Self {
            user,
            hints: ClientHints::default(),
            screen: None,
            timezone: None,
        }
    }

    /// Adds client hints, as `navigator.userAgentData.getHighEntropyValues` returns them.
    ///
    /// # Errors
    ///
    /// [`InvalidJoin`] names the hint that is too long.
    pub fn with_hints(mut self, hints: ClientHints) -> Result<Self, InvalidJoin> {
        hints.validate().map_err(|invalid| {
            InvalidJoin::new(format!("hints.{}", invalid.field), invalid.problem)
        })?;
        self.hints = hints;
        Ok(self)
    }

    /// Adds the screen.
    ///
    /// # Errors
    ///
    /// [`InvalidJoin`] if the pixel ratio is not a positive number.
    pub fn with_screen(mut self, screen: Screen) -> Result<Self, InvalidJoin> {
        if screen
            .pixel_ratio
            .is_some_and(|ratio| !(ratio.is_finite() && ratio > 0.0))
        {
            return Err(InvalidJoin::new(
                "screen.pixelRatio",
                "must be greater than 0",
            ));
        }
        self.screen = Some(screen);
        Ok(self)
    }

    /// Adds the IANA time zone, as `Intl.DateTimeFormat().resolvedOptions().timeZone` returns it.
    ///
    /// # Errors
    ///
    /// [`InvalidJoin`] if no time zone can have that name.
    pub fn with_timezone(mut self, timezone: impl Into<String>) -> Result<Self, InvalidJoin> {
        let timezone = timezone.into();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-:".contains(&byte);
        if !(1..=Self::MAX_TIMEZONE).contains(&timezone.len()) || !timezone.bytes().all(is_name) {
            let problem = "is not a time zone's name, e.g. Europe/Paris";
            return Err(InvalidJoin::new("timezone", problem));
        }
        self.timezone = Some(timezone);
        Ok(self)
    }

    /// Reads the join that a page sends: `{"user":{"id","username","sessionId"?},"hints"?,
    /// "screen"?:{"width","height","pixelRatio"?},"timezone"?}`. Other keys are ignored.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: not JSON, or a field that is not accepted.
    pub fn from_json(json: &[u8]) -> Result<Self, JoinError> {
        let raw: RawJoin = serde_json::from_slice(json).map_err(|error| explain(json, &error))?;
        Ok(raw.check()?)
    }

    /// The user who joins.
    #[must_use]
    pub const fn user(&self) -> &User {
        &self.user
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an object")]
struct RawJoin {
    #[serde(default, deserialize_with = "object")]
    user: Option<RawUser>,
    #[serde(default, deserialize_with = "object")]
    hints: Option<ClientHints>,
    #[serde(default, deserialize_with = "object")]
    screen: Option<RawScreen>,
    timezone: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct RawScreen {
    width: u32,
    height: u32,
    pixel_ratio: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct RawUser {
    id: Option<String>,
    username: Option<String>,
    session_id: Option<String>,
}

/// An object or `null`. Serde also accepts a list of the fields' values, which the protocol does
/// not.
fn object<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Object(PhantomData))
}

impl RawJoin {
    fn check(self) -> Result<Join, InvalidJoin> {
        let missing = |field| InvalidJoin::new(field, "is missing");
        let user = self.user.ok_or_else(|| missing("user"))?;
        let id = user.id.ok_or_else(|| missing("user.id"))?;
        let username = user.username.ok_or_else(|| missing("user.username"))?;
        let user = User::new(id, username, user.session_id).map_err(|invalid| {
            InvalidJoin::new(format!("user.{}", invalid.field), invalid.problem)
        })?;
        let mut join = Join::new(user);
        if let Some(hints) = self.hints {
            join = join.with_hints(hints)?;
        }
        if let Some(raw) = self.screen {
            let mut screen = Screen::new(raw.width, raw.height);
            screen.pixel_ratio = raw.pixel_ratio;
            join = join.with_screen(screen)?;
        }
        if let Some(timezone) = self.timezone {
            join = join.with_timezone(timezone)?;
        }
        Ok(join)
    }
}

/// Parses again and tracks the path, to name the field. Only those parts of serde's message that
/// hold no value are passed on.
fn explain(json: &[u8], error: &serde_json::Error) -> JoinError {
    if error.classify() != Category::Data {
        return JoinError::Json {
            line: error.line(),
            column: error.column(),
        };
    }
    let reader = &mut serde_json::Deserializer::from_slice(json);
    let field = serde_path_to_error::deserialize::<_, RawJoin>(reader)
        .err()
        .map(|error| error.path().to_string());
    let field = field
        .filter(|path| path != ".")
        .unwrap_or_else(|| "join".to_owned());
    let message = error.to_string();
    let message = message
        .rsplit_once(" at line ")
        .map_or(&*message, |(message, _)| message);
    let problem = match message.rsplit_once(", expected ") {
        Some((_, "u32")) => "must be a whole number of at least 0".to_owned(),
        Some((_, "f64")) => "must be a number".to_owned(),
        Some((_, expected)) => format!("must be {expected}"),
        None if message.starts_with("missing field") || message.starts_with("duplicate field") => {
            format!("has a {message}")
        }
        None => "has a wrong type or value".to_owned(),
    };
    InvalidJoin { field, problem }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_field_and_quotes_no_value() {
        for (json, message) in [
            ("{}", "user is missing"),
            (r#"{"user":null}"#, "user is missing"),
            (r#"{"user":[]}"#, "user must be an object"),
            (r#"{"user":["1","J",null]}"#, "user must be an object"),
            (
                r#"{"user":{"id":"1","username":"J"},"screen":[1,2,3]}"#,
                "screen must be an object",
            ),
            (
                r#"{"user":{"id":"1","username":"J"},"hints":[]}"#,
                "hints must be an object",
            ),
            (r#"{"user":{"username":"J"}}"#, "user.id is missing"),
            (
                r#"{"user":{"id":5,"username":"J"}}"#,
                "user.id must be a string",
            ),
            (r#"{"user":{"id":"1"}}"#, "user.username is missing"),
            (
                r#"{"user":{"id":"","username":"J"}}"#,
                "user.id is empty; 1 to 128 characters are allowed",
            ),
            (
                r#"{"user":{"id":"1","username":"\u0000"}}"#,
                "user.username contains U+0000, which is not allowed; remove it",
            ),
            (
                r#"{"user":{"id":"1","username":"J","sessionId":""}}"#,
                "user.sessionId is empty; 1 to 128 characters are allowed",
            ),
            (
                r#"{"user":{"id":"1","id":"2","username":"J"}}"#,
                "user has a duplicate field `id`",
            ),
            (
                r#"{"user":{"id":"1","username":"J"},"screen":{"width":1}}"#,
                "screen has a missing field `height`",
            ),
            (
                r#"{"user":{"id":"1","username":"J"},"screen":{"width":-1,"height":1}}"#,
                "screen.width must be a whole number of at least 0",
            ),
            (
                r#"{"user":{"id":"1","username":"J"},"screen":{"width":1,"height":1,"pixelRatio":"2"}}"#,
                "screen.pixelRatio must be a number",
            ),
            (
                r#"{"user":{"id":"1","username":"J"},"screen":{"width":1,"height":1,"pixelRatio":0}}"#,
                "screen.pixelRatio must be greater than 0",
            ),
            (
                r#"{"user":{"id":"1","username":"J"},"timezone":"<script>"}"#,
                "timezone is not a time zone's name, e.g. Europe/Paris",
            ),
            (
                r#"{"user":{"id":"1","username":"J"},"hints":{"mobile":"6.6.6.6"}}"#,
                "hints.mobile must be a boolean",
            ),
            ("7", "join must be an object"),
        ] {
            let error = Join::from_json(json.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), message, "{json}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_apart() {
        for json in [
            "",
            "{",
            r#"{"user":{"id":"\ud800","username":"J"}}"#,
            r#"{"user":1e999}"#,
            "{}{}",
        ] {
            let error = Join::from_json(json.as_bytes()).unwrap_err();
            assert!(matches!(error, JoinError::Json { .. }), "{json}: {error}");
        }
        assert!(matches!(
            Join::from_json(b"{\"user\":\"\xff\"}"),
            Err(JoinError::Json { .. })
        ));
    }

    #[test]
    fn unknown_keys_and_nulls_are_ignored() {
        let json = br#"{"type":"join","new":[1],"user":{"id":"1","username":"J","sessionId":null,"x":1},"hints":null,"timezone":null}"#;
        let expected = Join::new(User::new("1", "J", None).unwrap());
        assert_eq!(Join::from_json(json), Ok(expected));
    }
}
