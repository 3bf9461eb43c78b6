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
    File,
    Webhook,
    Segment,
    Mixpanel,
    Amplitude,
    Posthog,
    Ga4,
}

impl Scheme {
    const ALL: [Self; 13] = [
        Self::Stdout,
        Self::File,
        Self::Sqlite,
        Self::Postgres,
        Self::Redis,
        Self::Rediss,
        Self::Mongodb,
        Self::Webhook,
        Self::Segment,
        Self::Mixpanel,
        Self::Amplitude,
        Self::Posthog,
        Self::Ga4,
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
            Self::File => "file",
            Self::Webhook => "webhook",
            Self::Segment => "segment",
            Self::Mixpanel => "mixpanel",
            Self::Amplitude => "amplitude",
            Self::Posthog => "posthog",
            Self::Ga4 => "ga4",
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
            Self::File => &["rotate", "keep"],
            Self::Webhook => &["secret-file", "ca", "timeout", "plain"],
            Self::Segment | Self::Mixpanel | Self::Amplitude | Self::Posthog | Self::Ga4 => {
                &["token-file", "region", "host", "ca", "timeout", "plain"]
            }
        }
    }

    /// How much of an address it gets unless it is told.
    pub(super) const fn ip(self) -> IpPrivacy {
        match self {
            Self::Stdout
            | Self::Sqlite
            | Self::File
            | Self::Postgres
            | Self::Redis
            | Self::Rediss
            | Self::Mongodb => IpPrivacy::Full,
            Self::Webhook
            | Self::Segment
            | Self::Mixpanel
            | Self::Amplitude
            | Self::Posthog
            | Self::Ga4 => IpPrivacy::Truncate,
        }
    }

    /// The regions of a vendor and what it listens on there; the first one unless it is told.
    pub(super) const fn regions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Stdout
            | Self::Sqlite
            | Self::File
            | Self::Postgres
            | Self::Redis
            | Self::Rediss
            | Self::Mongodb
            | Self::Webhook => &[],
            Self::Segment => &[
                ("us", "https://api.segment.io"),
                ("eu", "https://events.eu1.segmentapis.com"),
            ],
            Self::Mixpanel => &[
                ("us", "https://api.mixpanel.com"),
                ("eu", "https://api-eu.mixpanel.com"),
                ("in", "https://api-in.mixpanel.com"),
            ],
            Self::Amplitude => &[
                ("us", "https://api2.amplitude.com"),
                ("eu", "https://api.eu.amplitude.com"),
            ],
            Self::Posthog => &[
                ("us", "https://us.i.posthog.com"),
                ("eu", "https://eu.i.posthog.com"),
            ],
            Self::Ga4 => &[
                ("us", "https://www.google-analytics.com"),
                ("eu", "https://region1.google-analytics.com"),
            ],
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
            Self::File => "`file:PATH`",
            Self::Webhook => "`webhook:https://HOST/PATH?secret-file=FILE`",
            Self::Segment => "`segment:?token-file=FILE`",
            Self::Mixpanel => "`mixpanel:?token-file=FILE`",
            Self::Amplitude => "`amplitude:?token-file=FILE`",
            Self::Posthog => "`posthog:?token-file=FILE`",
            Self::Ga4 => "`ga4:MEASUREMENT-ID?token-file=FILE`",
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
