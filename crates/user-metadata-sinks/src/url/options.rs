use super::percent;
use super::scheme::Scheme;
use crate::{IpPrivacy, ParseSinkError};

/// The options that every sink takes.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) name: Option<String>,
    pub(super) ip: Option<IpPrivacy>,
}

const KNOWN: &str = "`name` and `ip`";

impl Options {
    /// Reads `key=value&…`.
    pub(super) fn parse(scheme: Scheme, query: &str) -> Result<Self, ParseSinkError> {
        let mut options = Self::default();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let wrong = |key, problem| ParseSinkError::Option {
                scheme: scheme.name(),
                key,
                problem,
            };
            // What can't be decoded is no value that an option takes.
            let value = percent::decode(value).unwrap_or_default();
            let is_second = match key {
                "name" if is_name(&value) => options.name.replace(value).is_some(),
                "name" => {
                    return Err(wrong(
                        "name",
                        "must be lower-case letters, digits and dashes",
                    ));
                }
                "ip" => {
                    let ip = value.parse();
                    let ip =
                        ip.map_err(|()| wrong("ip", "must be `full`, `truncate` or `none`"))?;
                    options.ip.replace(ip).is_some()
                }
                _ => return Err(unknown(scheme, key)),
            };
            if is_second {
                let key = if key == "name" { "name" } else { "ip" };
                return Err(wrong(key, "is given twice; leave one out"));
            }
        }
        Ok(options)
    }
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Quotes only what looks like an option: a `?` in the wrong place makes one of anything.
fn unknown(scheme: Scheme, key: &str) -> ParseSinkError {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_';
    let is_plain = (1..=24).contains(&key.len()) && key.bytes().all(is_plain);
    ParseSinkError::UnknownOption {
        scheme: scheme.name(),
        key: if is_plain {
            format!(" `{key}`")
        } else {
            " of that name".to_owned()
        },
        known: KNOWN,
    }
}
