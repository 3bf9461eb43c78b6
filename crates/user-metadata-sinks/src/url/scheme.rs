use super::postgres::PostgresUrl;
use crate::{IpPrivacy, ParseSinkError};

/// A kind of sink, whether or not it is part of this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Stdout,
    Sqlite,
    Postgres,
    Redis,
    Mongodb,
    File,
    Webhook,
    Segment,
    Mixpanel,
    Amplitude,
    Posthog,
    Ga4,
}

/// The part of a URL before the first colon, and what may follow it.
#[derive(Debug)]
pub(super) struct Scheme {
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    usage: &'static str,
    /// Its options besides those of all sinks.
    pub(super) options: &'static [&'static str],
    /// How much of an address it gets by default.
    pub(super) ip: IpPrivacy,
    /// The regions of a vendor and its address there; the first one is the default.
    pub(super) regions: &'static [(&'static str, &'static str)],
}

const OF_REDIS: &[&str] = &["password-file", "ca", "prefix", "ttl", "window", "day-ttl"];
/// Two of ours, then those of its driver.
const OF_MONGODB: &[&str] = &[
    "password-file",
    "keep",
    "authSource",
    "authMechanism",
    "replicaSet",
    "directConnection",
    "tls",
    "tlsCAFile",
];

/// Options of MongoDB's own, which are passed on to its driver.
#[cfg(feature = "mongodb")]
pub(crate) const OF_THE_MONGODB_DRIVER: &[&str] = OF_MONGODB.split_at(2).1;

static SCHEMES: [Scheme; 13] = [
    store(Kind::Stdout, "stdout", "`stdout:`", &[]),
    store(Kind::File, "file", "`file:PATH`", &["rotate", "keep"]),
    store(
        Kind::Sqlite,
        "sqlite",
        "`sqlite:PATH`",
        &["users", "sessions"],
    ),
    store(
        Kind::Postgres,
        "postgres",
        "`postgres://USER@HOST/DATABASE`",
        &PostgresUrl::OPTIONS,
    ),
    store(Kind::Redis, "redis", "`redis://HOST`", OF_REDIS),
    store(Kind::Redis, "rediss", "`rediss://HOST`", OF_REDIS),
    store(
        Kind::Mongodb,
        "mongodb",
        "`mongodb://HOST/DB` (if built with it)",
        OF_MONGODB,
    ),
    Scheme {
        options: &["secret-file", "ca", "timeout", "plain"],
        ..vendor(
            Kind::Webhook,
            "webhook",
            "`webhook:https://HOST/PATH?secret-file=FILE`",
            &[],
        )
    },
    vendor(
        Kind::Segment,
        "segment",
        "`segment:?token-file=FILE`",
        &[
            ("us", "https://api.segment.io"),
            ("eu", "https://events.eu1.segmentapis.com"),
        ],
    ),
    vendor(
        Kind::Mixpanel,
        "mixpanel",
        "`mixpanel:?token-file=FILE`",
        &[
            ("us", "https://api.mixpanel.com"),
            ("eu", "https://api-eu.mixpanel.com"),
            ("in", "https://api-in.mixpanel.com"),
        ],
    ),
    vendor(
        Kind::Amplitude,
        "amplitude",
        "`amplitude:?token-file=FILE`",
        &[
            ("us", "https://api2.amplitude.com"),
            ("eu", "https://api.eu.amplitude.com"),
        ],
    ),
    vendor(
        Kind::Posthog,
        "posthog",
        "`posthog:?token-file=FILE`",
        &[
            ("us", "https://us.i.posthog.com"),
            ("eu", "https://eu.i.posthog.com"),
        ],
    ),
    vendor(
        Kind::Ga4,
        "ga4",
        "`ga4:MEASUREMENT-ID?token-file=FILE`",
        &[
            ("us", "https://www.google-analytics.com"),
            ("eu", "https://region1.google-analytics.com"),
        ],
    ),
];

/// A sink of one's own infrastructure.
const fn store(
    kind: Kind,
    name: &'static str,
    usage: &'static str,
    options: &'static [&'static str],
) -> Scheme {
    Scheme {
        kind,
        name,
        usage,
        options,
        ip: IpPrivacy::Full,
        regions: &[],
    }
}

/// A sink that may be a third party's.
const fn vendor(
    kind: Kind,
    name: &'static str,
    usage: &'static str,
    regions: &'static [(&'static str, &'static str)],
) -> Scheme {
    Scheme {
        ip: IpPrivacy::Truncate,
        regions,
        ..store(
            kind,
            name,
            usage,
            &["token-file", "region", "host", "ca", "timeout", "plain"],
        )
    }
}

impl Scheme {
    /// Splits `text` at its first colon.
    pub(super) fn split(text: &str) -> Result<(&'static Self, &str), ParseSinkError> {
        let Some((name, rest)) = text.split_once(':') else {
            return Err(no_scheme("there is no `:` after a scheme".to_owned()));
        };
        // As libpq takes it, too.
        let name = if name == "postgresql" {
            "postgres"
        } else {
            name
        };
        let found = SCHEMES.iter().find(|scheme| scheme.name == name);
        let scheme = found.ok_or_else(|| no_scheme(unknown(name)))?;
        Ok((scheme, rest))
    }

    /// The name of a sink that is given none: with and without TLS it is the same sink.
    pub(super) fn default_name(&self) -> &'static str {
        match self.kind {
            Kind::Redis => "redis",
            _ => self.name,
        }
    }
}

fn no_scheme(found: String) -> ParseSinkError {
    let known = SCHEMES.each_ref().map(|scheme| scheme.usage).join(", ");
    ParseSinkError::Scheme { found, known }
}

/// Quotes only what looks like a scheme: if the scheme was forgotten, it may be a password.
fn unknown(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-';
    if (1..=16).contains(&name.len()) && name.bytes().all(is_plain) {
        format!("there is no sink `{name}:`")
    } else {
        "there is no known scheme before the first `:`".to_owned()
    }
}
