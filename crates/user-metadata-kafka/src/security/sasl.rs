use std::fmt;

use super::Secret;
use crate::OptionsError;

/// How a user proves to a broker that they know the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslMechanism {
    /// Sends the password itself. Use it with TLS only: otherwise everybody on the way can read it.
    Plain,
    /// A proof by SHA-256; the password is not sent.
    ScramSha256,
    /// A proof by SHA-512; the password is not sent.
    ScramSha512,
}

/// The name in Kafka's settings.
impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        })
    }
}

/// The user to log in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaslOptions {
    mechanism: SaslMechanism,
    username: String,
    password: Secret,
}

impl SaslOptions {
    /// Takes the mechanism, the user's name and the password.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] for a name or a password that is empty or has a control character.
    pub fn new(
        mechanism: SaslMechanism,
        username: impl Into<String>,
        password: Secret,
    ) -> Result<Self, OptionsError> {
        let is_text = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        let username = username.into();
        if !is_text(&username) {
            return Err(OptionsError::Username);
        }
        if !is_text(password.reveal()) {
            return Err(OptionsError::Password);
        }
        Ok(Self {
            mechanism,
            username,
            password,
        })
    }

    /// The SASL mechanism.
    #[must_use]
    pub fn mechanism(&self) -> SaslMechanism {
        self.mechanism
    }

    /// The user's name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }

    #[cfg(any(feature = "consume", feature = "produce"))]
    pub(crate) fn password(&self) -> &str {
        self.password.reveal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_printed() {
        let password = Secret::new("open sesame");
        let sasl = SaslOptions::new(SaslMechanism::Plain, "app", password).unwrap();
        let printed = format!("{sasl:?}");
        assert!(!printed.contains("sesame"), "{printed}");
        assert!(printed.contains("***"), "{printed}");
        assert!(printed.contains("app"), "{printed}");
    }

    #[test]
    fn an_empty_name_or_password_and_control_characters_are_refused() {
        let sasl = |name: &str, password: &str| {
            SaslOptions::new(SaslMechanism::ScramSha256, name, Secret::new(password))
        };
        sasl("app", " spaces are fine ").unwrap();
        for name in ["", "a\0b"] {
            assert_eq!(sasl(name, "x"), Err(OptionsError::Username));
        }
        for password in ["", "a\nb"] {
            assert_eq!(sasl("app", password), Err(OptionsError::Password));
        }
    }
}
