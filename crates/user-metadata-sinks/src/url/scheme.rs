use super::postgres::PostgresUrl;
use crate::{IpPrivacy, ParseSinkError};

/// A sink that exists, whether or not it is part of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Stdout,
    Sqlite,
    Postgres,
}

impl Scheme {
    const ALL: [Self; 3] = [Self::Stdout, Self::Sqlite, Self::Postgres];

    /// Splits `text` at its first colon.
    pub(super) fn split(text: &str) -> Result<(Self, &str), ParseSinkError> {
        let Some((name, rest)) = text.split_once(':') else {
            return Err(no_scheme("there is no `:` after a scheme".to_owned()));
        };
        // As libpq takes it, too.
        let name = if name == "postgresql" {
            "postgres"
        } else {
            name
        };
        let found = Self::ALL.into_iter().find(|scheme| scheme.name() == name);
        let scheme = found.ok_or_else(|| no_scheme(unknown(name)))?;
        Ok((scheme, rest))
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// The options that it takes besides those that all sinks take.
    pub(super) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Stdout => &[],
            Self::Sqlite => &["users", "sessions"],
            Self::Postgres => &PostgresUrl::OPTIONS,
        }
    }

    /// How much of an address it gets unless it is told.
    pub(super) const fn ip(self) -> IpPrivacy {
        match self {
            Self::Stdout | Self::Sqlite | Self::Postgres => IpPrivacy::Full,
        }
    }

    const fn usage(self) -> &'static str {
        match self {
            Self::Stdout => "`stdout:`",
            Self::Sqlite => "`sqlite:PATH`",
            Self::Postgres => "`postgres://USER@HOST/DATABASE`",
        }
    }
}

fn no_scheme(found: String) -> ParseSinkError {
    let known = Scheme::ALL.map(Scheme::usage).join(", ");
    ParseSinkError::Scheme { found, known }
}

/// Quotes only what looks like a scheme: with the scheme forgotten, it may be a password.
fn unknown(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-';
    if (1..=16).contains(&name.len()) && name.bytes().all(is_plain) {
        format!("there is no sink `{name}:`")
    } else {
        "there is no known scheme before the first `:`".to_owned()
    }
}
