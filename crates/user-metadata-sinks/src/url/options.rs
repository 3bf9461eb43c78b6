use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::percent;
use super::scheme::Scheme;
use crate::ParseSinkError;
use crate::tables::Tables;

/// The options of a sink's URL. Each is taken once, by the code that knows it.
#[derive(Debug)]
pub(crate) struct Options {
    scheme: &'static Scheme,
    /// `None`: it can't be decoded, so it is not valid for any option.
    given: BTreeMap<&'static str, Option<String>>,
}

/// The options of every sink.
const COMMON: [&str; 2] = ["name", "ip"];

impl Options {
    /// Reads `key=value&…`.
    pub(super) fn parse(scheme: &'static Scheme, query: &str) -> Result<Self, ParseSinkError> {
        let mut given = BTreeMap::new();
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            let mut known = COMMON.iter().chain(scheme.options);
            let Some(key) = known.find(|known| **known == key) else {
                return Err(unknown(scheme, key));
            };
            if given.insert(*key, percent::decode(value)).is_some() {
                return Err(ParseSinkError::Option {
                    scheme: scheme.name,
                    key,
                    problem: "is given twice; leave one out",
                });
            }
        }
        Ok(Self { scheme, given })
    }

    /// Takes an option and parses it with `read`; `problem` says what is valid.
    pub(crate) fn take<T>(
        &mut self,
        key: &'static str,
        problem: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ParseSinkError> {
        let Some(value) = self.given.remove(key) else {
            return Ok(None);
        };
        let read = value.as_deref().and_then(read);
        let wrong = || ParseSinkError::Option {
            scheme: self.scheme.name,
            key,
            problem,
        };
        read.ok_or_else(wrong).map(Some)
    }

    /// Takes an option that names a file.
    pub(crate) fn path(
        &mut self,
        key: &'static str,
        problem: &'static str,
    ) -> Result<Option<PathBuf>, ParseSinkError> {
        self.take(key, problem, |text| (!text.is_empty()).then(|| text.into()))
    }

    /// Takes an option that is a time with a unit, such as `90s` or `1h 30m`.
    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        problem: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>, ParseSinkError> {
        self.take(key, problem, |text| {
            let time = humantime::parse_duration(text).ok()?;
            range.contains(&time).then_some(time)
        })
    }

    /// Takes `users` and `sessions`, which databases have.
    pub(super) fn tables(&mut self) -> Result<Tables, ParseSinkError> {
        let default = Tables::default();
        let mut switch = |key| self.take(key, "must be `on` or `off`", on_or_off);
        Ok(Tables {
            users: switch("users")?.unwrap_or(default.users),
            sessions: switch("sessions")?.unwrap_or(default.sessions),
        })
    }
}

fn on_or_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// Quotes only what looks like an option: a misplaced `?` makes any text look like one.
fn unknown(scheme: &'static Scheme, key: &str) -> ParseSinkError {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_';
    let is_plain = (1..=24).contains(&key.len()) && key.bytes().all(is_plain);
    let known: Vec<_> = COMMON.iter().chain(scheme.options).collect();
    let (last, others) = known.split_last().unwrap_or((&&"", &[]));
    let others: Vec<_> = others.iter().map(|key| format!("`{key}`")).collect();
    ParseSinkError::UnknownOption {
        scheme: scheme.name,
        key: if is_plain {
            format!(" `{key}`")
        } else {
            " of that name".to_owned()
        },
        known: format!("{} and `{last}`", others.join(", ")),
    }
}
