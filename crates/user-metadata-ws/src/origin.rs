use std::fmt;
use std::str::FromStr;

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};

/// An origin whose pages may connect: `https://app.example.com`, or `*` for all.
///
/// ```
/// use user_metadata_ws::Origin;
/// let origin: Origin = "https://App.example.com:443/".parse().unwrap();
/// assert_eq!(origin.to_string(), "https://app.example.com");
/// assert!("app.example.com".parse::<Origin>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(Allowed);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Allowed {
    Any,
    /// In lower case, without the scheme's own port.
    One(String),
}

/// The text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an origin; write e.g. https://app.example.com, or * for all")]
#[non_exhaustive]
pub struct ParseOriginError {
    /// The text.
    pub text: String,
}

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, ParseOriginError> {
        let invalid = || ParseOriginError {
            text: text.to_owned(),
        };
        if text == "*" {
            return Ok(Self(Allowed::Any));
        }
        let origin = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let (scheme, host) = split(&origin).ok_or_else(invalid)?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(invalid());
        }
        Ok(Self(Allowed::One(format!("{scheme}://{host}"))))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Allowed::Any => f.write_str("*"),
            Allowed::One(origin) => f.write_str(origin),
        }
    }
}

/// Whether a page that sends these headers may connect: it is of the host that it connects to, or
/// of an allowed origin. A request without `Origin` does not come from a page: every browser sends
/// it.
pub(crate) fn is_allowed(headers: &HeaderMap, allowed: &[Origin]) -> bool {
    let mut origins = headers.get_all(ORIGIN).into_iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return true,
        (Some(origin), None) => origin,
        _ => return false,
    };
    if allowed.iter().any(|origin| origin.0 == Allowed::Any) {
        return true;
    }
    let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else {
        return false;
    };
    let Some((scheme, host)) = split(&origin) else {
        return false;
    };
    let requested = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_same_host = requested
        .is_some_and(|requested| without_port(scheme, requested).eq_ignore_ascii_case(host));
    let origin = format!("{scheme}://{host}");
    is_same_host
        || allowed
            .iter()
            .any(|allowed| matches!(&allowed.0, Allowed::One(one) if *one == origin))
}

/// Scheme and host of an origin in lower case, the host with its port where it is not the scheme's
/// own.
fn split(origin: &str) -> Option<(&str, &str)> {
    let (scheme, host) = origin.split_once("://")?;
    matches!(scheme, "http" | "https").then(|| (scheme, without_port(scheme, host)))
}

fn without_port<'h>(scheme: &str, host: &'h str) -> &'h str {
    let own = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(own).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderName;

    use super::*;

    fn allows(host: &str, origins: &[&str], allowed: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        for origin in origins {
            headers.append(HeaderName::from_static("origin"), origin.parse().unwrap());
        }
        let allowed: Vec<Origin> = allowed
            .iter()
            .map(|origin| origin.parse().unwrap())
            .collect();
        is_allowed(&headers, &allowed)
    }

    #[test]
    fn pages_of_the_same_host_may_connect_whatever_the_scheme() {
        for (host, origin) in [
            ("chat.example.com", "https://chat.example.com"),
            ("Chat.example.com:443", "https://chat.example.com"),
            ("chat.example.com", "http://chat.example.com:80"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("[::1]:8080", "http://[::1]:8080"),
        ] {
            assert!(allows(host, &[origin], &[]), "{host} {origin}");
        }
    }

    #[test]
    fn pages_of_other_hosts_may_not() {
        for origin in [
            "https://evil.example",
            "https://chat.example.com.evil.example",
            "https://evil.example/chat.example.com",
            "https://chat.example.com:8443",
            "null",
            "",
            "chat.example.com",
            "file://chat.example.com",
        ] {
            assert!(
                !allows("chat.example.com", &[origin], &["https://app.example.com"]),
                "{origin}"
            );
        }
        assert!(!allows(
            "a.example",
            &["https://a.example", "https://a.example"],
            &["*"]
        ));
    }

    #[test]
    fn allowed_origins_may() {
        assert!(allows(
            "ws.example",
            &["https://APP.example:443"],
            &["https://app.example"]
        ));
        assert!(!allows(
            "ws.example",
            &["http://app.example"],
            &["https://app.example"]
        ));
        assert!(allows("ws.example", &["null"], &["*"]));
    }

    #[test]
    fn clients_without_an_origin_may() {
        assert!(allows("chat.example.com", &[], &[]));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_a_remedy() {
        for text in [
            "",
            "app.example.com",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://*.a",
            "**",
            "https://a b",
        ] {
            let error = text.parse::<Origin>().unwrap_err();
            assert!(
                error.to_string().contains("https://app.example.com"),
                "{text}"
            );
        }
    }
}
