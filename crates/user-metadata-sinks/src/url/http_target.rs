use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::options::Options;
use super::percent;
use super::scheme::{Kind, Scheme};
use crate::secret::Secret;
use crate::{IpPrivacy, ParseSinkError};

/// Where a sink posts to, and its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpTarget {
    /// `https://HOST`, for a webhook with its path and query, which may be secret.
    pub(crate) address: Secret,
    /// The part before the options: GA4's measurement id. Empty for the others.
    pub(crate) id: String,
    pub(crate) secret: PathBuf,
    /// The certificates to trust instead of the system's.
    pub(crate) ca: Option<PathBuf>,
    /// For one request, from connecting to the end of the response.
    pub(crate) timeout: Duration,
    pub(crate) ip: IpPrivacy,
}

const SECRET: &str = "must name the file that holds the secret, e.g. `/run/secrets/token`";
const PLAIN: &str = "must be `yes`: events and secret then cross the network unencrypted";
const REGION: &str = "must be one of the vendor's: `us`, `eu`, for Mixpanel also `in`";
const HOST: &str = "must be e.g. `https://host.example`, without a user; `http://` only with \
                    `plain=yes`, or of this host";

impl HttpTarget {
    const TIMEOUT: Duration = Duration::from_secs(30);
    const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(300);

    pub(super) fn parse(
        scheme: &'static Scheme,
        path: &str,
        ip: IpPrivacy,
        options: &mut Options,
    ) -> Result<Self, ParseSinkError> {
        let wrong = |problem| ParseSinkError::Path {
            scheme: scheme.name,
            problem,
        };
        let is_yes = |value: &str| (value == "yes").then_some(());
        let may_be_plain = options.take("plain", PLAIN, is_yes)?.is_some();
        let path = percent::decode(path)
            .ok_or_else(|| wrong("has a malformed `%`; write `%25` for a percent sign"))?;
        let (address, id) = match scheme.kind {
            Kind::Webhook => (
                is_address(&path, may_be_plain)
                    .then(|| path.clone())
                    .ok_or_else(|| {
                        wrong(
                            "needs `https://HOST/PATH` without a user; `http://` only with \
                         `plain=yes`, or to this host; write `%3F` for a `?` of its own",
                        )
                    })?,
                String::new(),
            ),
            Kind::Ga4 if is_measurement_id(&path) => (host(scheme, may_be_plain, options)?, path),
            Kind::Ga4 => return Err(wrong("needs the measurement id, e.g. `ga4:G-1A2B3C4D5E`")),
            _ if path.is_empty() => (host(scheme, may_be_plain, options)?, path),
            _ => return Err(wrong("takes no path; write options after a `?`")),
        };
        Ok(Self {
            address: address.into(),
            id,
            secret: secret(scheme, options)?,
            ca: options.path("ca", "must be a file in PEM")?,
            timeout: options
                .duration(
                    "timeout",
                    "must be e.g. `10s`, up to 5 minutes",
                    Self::TIMEOUTS,
                )?
                .unwrap_or(Self::TIMEOUT),
            ip,
        })
    }
}

fn secret(scheme: &'static Scheme, options: &mut Options) -> Result<PathBuf, ParseSinkError> {
    let key = match scheme.kind {
        Kind::Webhook => "secret-file",
        _ => "token-file",
    };
    options.path(key, SECRET)?.ok_or(ParseSinkError::Option {
        scheme: scheme.name,
        key,
        problem: SECRET,
    })
}

/// The vendor's in a region, or a custom one.
fn host(
    scheme: &'static Scheme,
    plain: bool,
    options: &mut Options,
) -> Result<String, ParseSinkError> {
    let regions = scheme.regions;
    let of = |name: &str| regions.iter().find(|(region, _)| *region == name);
    let region = options.take("region", REGION, of)?.or(regions.first());
    let own = options.take("host", HOST, |value| {
        let address = value.strip_suffix('/').unwrap_or(value);
        (is_address(address, plain) && !address.contains(['?', '#'])).then(|| address.to_owned())
    })?;
    Ok(own.unwrap_or_else(|| region.map_or("", |(_, address)| *address).to_owned()))
}

/// `https://` to anywhere, `http://` to this host. No user: that would be a secret.
fn is_address(text: &str, may_be_plain: bool) -> bool {
    let (is_plain, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => return false,
    };
    let authority = rest.split(['/', '?']).next().unwrap_or("");
    let is_legal = !authority.is_empty()
        && !authority.contains('@')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'#');
    is_legal && (!is_plain || may_be_plain || is_loopback(authority))
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address = address.unwrap_or(host).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn is_measurement_id(text: &str) -> bool {
    let digits = text.strip_prefix("G-").unwrap_or("");
    (1..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_host_only_unless_it_is_asked_for() {
        for address in [
            "https://example.com/hook",
            "https://example.com:8443/a?b=c",
            "http://localhost:8080",
            "http://127.0.0.1/x",
            "http://[::1]:80/x",
        ] {
            assert!(is_address(address, false), "{address}");
        }
        for address in [
            "http://example.com/",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "http://10.0.0.1:80/",
        ] {
            assert!(!is_address(address, false), "{address}");
            assert!(is_address(address, true), "{address}");
        }
        for address in [
            "",
            "https://",
            "ftp://x",
            "https://u:p@x/",
            "https://a b/",
            "https://x#y",
        ] {
            assert!(!is_address(address, true), "{address}");
        }
    }
}
