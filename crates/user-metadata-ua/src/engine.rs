use std::borrow::Cow;

use ua_parser::{Regexes, device, os, user_agent};

use crate::rules::{BOT_FORMS, BROWSERS, DEVICES, KINDS, NAMED_BOTS, SYSTEMS};
use crate::table::Table;
use crate::{ClientKind, DeviceType};

/// The rules of uap-core (see `data/ORIGIN.md`).
const UAP_CORE: &[u8] = include_bytes!("../data/regexes.json");

/// All regular expressions, compiled: uap-core's, and this crate's own.
pub(crate) struct Engine {
    /// Own rules, then uap-core's.
    pub(crate) browsers: user_agent::Extractor<'static>,
    pub(crate) own_systems: os::Extractor<'static>,
    pub(crate) systems: os::Extractor<'static>,
    pub(crate) devices: device::Extractor<'static>,
    pub(crate) named_bots: user_agent::Extractor<'static>,
    pub(crate) bot_forms: user_agent::Extractor<'static>,
    pub(crate) kinds: Table<ClientKind>,
    pub(crate) classes: Table<DeviceType>,
}

/// Why regular expressions can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegexesError {
    /// The text is not JSON of uap-core's form.
    #[error("not the JSON form of uap-core's regexes.yaml (line {line}, column {column})")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A rule can't be used.
    #[error("rule `{regex}`: {problem}")]
    Rule {
        /// Its regular expression.
        regex: String,
        /// What the engine says.
        problem: String,
    },
    /// All rules together are too large for the engine.
    #[error("too many rules: {problem}")]
    Size {
        /// What the engine says.
        problem: String,
    },
}

impl Engine {
    #[expect(clippy::expect_used, reason = "the data are constants, and tested")]
    pub(crate) fn embedded() -> Self {
        Self::new(UAP_CORE).expect("the embedded data are valid")
    }

    pub(crate) fn new(regexes: &[u8]) -> Result<Self, RegexesError> {
        let uap: Regexes<'static> =
            serde_json::from_slice(regexes).map_err(|error| RegexesError::Json {
                line: error.line(),
                column: error.column(),
            })?;
        let own_systems = SYSTEMS.iter().map(|&(regex, name)| os::Parser {
            regex: Cow::Borrowed(regex),
            os_replacement: Some(Cow::Borrowed(name)),
            ..Default::default()
        });
        Ok(Self {
            browsers: browsers(own_browsers(BROWSERS).chain(uap.user_agent_parsers))?,
            own_systems: systems(own_systems)?,
            systems: systems(uap.os_parsers)?,
            devices: devices(uap.device_parsers)?,
            named_bots: browsers(own_browsers(NAMED_BOTS))?,
            bot_forms: browsers(own_browsers(BOT_FORMS))?,
            kinds: Table::new(KINDS),
            classes: Table::new(DEVICES),
        })
    }
}

fn own_browsers(
    rules: &'static [(&str, Option<&str>)],
) -> impl Iterator<Item = user_agent::Parser<'static>> {
    rules.iter().map(|&(regex, name)| user_agent::Parser {
        regex: Cow::Borrowed(regex),
        family_replacement: name.map(Cow::Borrowed),
        ..Default::default()
    })
}

fn browsers(
    rules: impl IntoIterator<Item = user_agent::Parser<'static>>,
) -> Result<user_agent::Extractor<'static>, RegexesError> {
    use user_agent::Builder;
    let filled = fill(Builder::new(), rules, |rule| &rule.regex, Builder::push)?;
    filled.build().map_err(|error| too_large(&error))
}

fn systems(
    rules: impl IntoIterator<Item = os::Parser<'static>>,
) -> Result<os::Extractor<'static>, RegexesError> {
    use os::Builder;
    let filled = fill(Builder::new(), rules, |rule| &rule.regex, Builder::push)?;
    filled.build().map_err(|error| too_large(&error))
}

fn devices(
    rules: impl IntoIterator<Item = device::Parser<'static>>,
) -> Result<device::Extractor<'static>, RegexesError> {
    use device::Builder;
    let filled = fill(Builder::new(), rules, |rule| &rule.regex, Builder::push)?;
    filled.build().map_err(|error| too_large(&error))
}

/// Pushes all rules; an error names the one that can't be used.
fn fill<B, R, E: ToString>(
    empty: B,
    rules: impl IntoIterator<Item = R>,
    regex: impl Fn(&R) -> &str,
    push: impl Fn(B, R) -> Result<B, E>,
) -> Result<B, RegexesError> {
    rules.into_iter().try_fold(empty, |builder, rule| {
        let regex = regex(&rule).to_owned();
        push(builder, rule).map_err(|error| rule_error(regex, &error))
    })
}

fn rule_error(regex: String, error: &impl ToString) -> RegexesError {
    let problem = error.to_string();
    RegexesError::Rule { regex, problem }
}

fn too_large(error: &impl ToString) -> RegexesError {
    let problem = error.to_string();
    RegexesError::Size { problem }
}
