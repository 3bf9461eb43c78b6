use super::postgres::PostgresUrl;
use crate::{IpPrivacy, ParseSinkError};

/// A sink that exists, whether or not it is part of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Stdout,
    Sqlite,
    Postgres,
    Redis,
    Rediss,
    Mongodb,
}

impl Scheme {
    const ALL: [Self; 6] = [
        Self::Stdout,
        Self::Sqlite,
        Self::Postgres,
        Self::Redis,
        Self::Rediss,
        Self::Mongodb,
    ];

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
            Self::Redis => "redis",
            Self::Rediss => "rediss",
            Self::Mongodb => "mongodb",
        }
    }

    /// What a sink is named that is given no name: with and without TLS it is the same sink.
    pub(super) const fn default_name(self) -> &'static str {
        match self {
            Self::Rediss => "redis",
            scheme => scheme.name(),
        }
    }

    /// The options that it takes besides those that all sinks take.
    pub(super) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Stdout => &[],
            Self::Sqlite => &["users", "sessions"],
            Self::Postgres => &PostgresUrl::OPTIONS,
            Self::Redis | Self::Rediss => {
                &["password-file", "ca", "prefix", "ttl", "window", "day-ttl"]
            }
            Self::Mongodb => &[
                "password-file",
                "keep",
                "authSource",
                "authMechanism",
                "replicaSet",
                "directConnection",
                "tls",
                "tlsCAFile",
            ],
        }
    }

    /// How much of an address it gets unless it is told.
    pub(super) const fn ip(self) -> IpPrivacy {
        match self {
            Self::Stdout
            | Self::Sqlite
            | Self::Postgres
            | Self::Redis
            | Self::Rediss
            | Self::Mongodb => IpPrivacy::Full,
        }
    }

    const fn usage(self) -> &'static str {
        match self {
            Self::Stdout => "`stdout:`",
            Self::Sqlite => "`sqlite:PATH`",
            Self::Postgres => "`postgres://USER@HOST/DATABASE`",
            Self::Redis => "`redis://HOST`",
            Self::Rediss => "`rediss://HOST`",
            Self::Mongodb => "`mongodb://HOST/DB`",
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
