use std::fmt;
use std::fs;
use std::path::Path;

use crate::SecretError;

/// A password or token. It is never printed: `Debug` shows `***`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The text of a file, without the final line break.
    pub(crate) fn read(path: &Path) -> Result<Self, SecretError> {
        let text = fs::read_to_string(path).map_err(|source| SecretError::Read {
            path: path.to_owned(),
            source,
        })?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.is_empty() || text.contains(char::is_control) {
            return Err(SecretError::Text {
                path: path.to_owned(),
            });
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_break_at_the_end_is_no_part_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for text in ["swordfish", "swordfish\n", "swordfish\r\n"] {
            fs::write(&path, text).unwrap();
            let secret = Secret::read(&path).unwrap();
            assert_eq!(secret.reveal(), "swordfish");
            assert_eq!(format!("{secret:?}"), "***");
        }
    }

    #[test]
    fn what_can_be_no_secret_is_refused_without_being_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        assert!(matches!(Secret::read(&path), Err(SecretError::Read { .. })));
        for text in ["", "\n", "sword\nfish", "sword\u{1b}fish"] {
            fs::write(&path, text).unwrap();
            let error = Secret::read(&path).unwrap_err().to_string();
            assert!(error.contains("one line"), "{error}");
            assert!(!error.contains("sword"), "{error}");
        }
    }
}
