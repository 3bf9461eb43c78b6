use std::fmt;

/// The user who joins. Checked once, here, so that nothing later has to.
///
/// ```
/// use user_metadata_events::User;
/// let john = User::new("user-123", "John", None).unwrap();
/// assert_eq!(john.username(), "John");
/// let error = User::new("user-123", "", None).unwrap_err();
/// assert_eq!(error.to_string(), "username is empty; 1 to 256 characters are allowed");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct User {
    id: String,
    username: String,
    session_id: Option<String>,
}

impl User {
    /// The longest `userId`, in Unicode scalar values.
    pub const MAX_ID: usize = 128;
    /// The longest `username`, in Unicode scalar values.
    pub const MAX_USERNAME: usize = 256;
    /// The longest `sessionId`, in Unicode scalar values.
    pub const MAX_SESSION_ID: usize = 128;

    /// Takes a user's id, name and, where the service has one, session id.
    ///
    /// # Errors
    ///
    /// [`InvalidUser`] names the first field that is empty, too long, or has a control character,
    /// a bidirectional override or a line or paragraph separator in it.
    pub fn new(
        id: impl Into<String>,
        username: impl Into<String>,
        session_id: Option<String>,
    ) -> Result<Self, InvalidUser> {
        let user = Self {
            id: id.into(),
            username: username.into(),
            session_id,
        };
        check("id", &user.id, Self::MAX_ID)?;
        check("username", &user.username, Self::MAX_USERNAME)?;
        if let Some(session_id) = &user.session_id {
            check("sessionId", session_id, Self::MAX_SESSION_ID)?;
        }
        Ok(user)
    }

    /// The service's id of the user.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name to show.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The service's own session id, if it gave one.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_deref()
    }

    /// Id, username and session id, taken apart.
    pub(crate) fn into_parts(self) -> (String, String, Option<String>) {
        (self.id, self.username, self.session_id)
    }
}

/// A field of a user that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
#[non_exhaustive]
pub struct InvalidUser {
    /// The field's name in JSON: `id`, `username` or `sessionId`; of an event, `userId`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

/// What is wrong with a text field, and what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldProblem {
    /// It is empty.
    Empty {
        /// The most Unicode scalar values allowed.
        max: usize,
    },
    /// It is too long.
    TooLong {
        /// The most Unicode scalar values allowed.
        max: usize,
    },
    /// A control character, a bidirectional override, or U+2028 or U+2029.
    Forbidden {
        /// The character.
        character: char,
    },
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty { max } => write!(f, "is empty; 1 to {max} characters are allowed"),
            Self::TooLong { max } => write!(f, "is too long; 1 to {max} characters are allowed"),
            Self::Forbidden { character } => {
                let code = u32::from(character);
                write!(f, "contains U+{code:04X}, which is not allowed; remove it")
            }
        }
    }
}

pub(crate) fn check(field: &'static str, text: &str, max: usize) -> Result<(), InvalidUser> {
    let problem = if text.is_empty() {
        FieldProblem::Empty { max }
    } else if text.len() > max && text.chars().count() > max {
        FieldProblem::TooLong { max }
    } else if let Some(character) = text.chars().find(|&c| forges_lines(c)) {
        FieldProblem::Forbidden { character }
    } else {
        return Ok(());
    };
    Err(InvalidUser { field, problem })
}

/// Whether a character could forge or reorder a line of a log or a table
/// ([CWE-117](https://cwe.mitre.org/data/definitions/117.html),
/// [CVE-2021-42574](https://nvd.nist.gov/vuln/detail/CVE-2021-42574)): control characters, line and
/// paragraph separators, and those that change the direction of text.
///
/// ```
/// use user_metadata_events::forges_lines;
///
/// assert!(forges_lines('\n') && forges_lines('\u{202E}'));
/// assert!(!forges_lines('é') && !forges_lines('🙂'));
/// ```
#[must_use]
pub fn forges_lines(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_unicode_scalar_values_not_bytes() {
        assert!(User::new("é".repeat(User::MAX_ID), "J", None).is_ok());
        let error = User::new("é".repeat(User::MAX_ID + 1), "J", None).unwrap_err();
        assert_eq!(error.field, "id");
        assert_eq!(error.problem, FieldProblem::TooLong { max: 128 });
    }

    #[test]
    fn each_field_is_named_in_its_error() {
        let long = "x".repeat(300);
        for (id, username, session, field) in [
            ("", "John", None, "id"),
            ("1", &*long, None, "username"),
            ("1", "John", Some(String::new()), "sessionId"),
        ] {
            assert_eq!(User::new(id, username, session).unwrap_err().field, field);
        }
    }

    #[test]
    fn characters_that_forge_log_lines_are_refused() {
        for character in [
            '\0', '\n', '\u{1b}', '\u{85}', '\u{2028}', '\u{202e}', '\u{2067}',
        ] {
            let error = User::new("1", format!("J{character}n"), None).unwrap_err();
            assert_eq!(error.problem, FieldProblem::Forbidden { character });
        }
        assert!(User::new("1", "Ĵöhn 👩‍👩‍👧 שלום", None).is_ok());
    }
}
