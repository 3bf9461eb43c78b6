//! All rules, uap-core's and this crate's own, in one set.

mod expression;
mod literals;
mod prefilter;
mod reading;
mod rule;
mod rule_set;
#[cfg(test)]
mod tests;
mod uap;
mod word;

use std::borrow::Cow;
use std::fmt;

use crate::DeviceType;
use crate::models;
use crate::rules::{
    BOT_FORMS, BROWSER_FORMS, BROWSERS, DEVICES, GUESSED_KINDS, KINDS, NAMED_BOTS, RARE_SYSTEMS,
    SYSTEMS,
};
use crate::tables::{self, Table};

use reading::List;
use rule::{Draft, Form, Rule};
use rule_set::RuleSet;
use uap::{Data, Words, versioned};

pub(crate) use reading::{Named, Reading, UapDevice};

/// The rules of uap-core (see `data/ORIGIN.md`).
const UAP_CORE: &[u8] = include_bytes!("../../data/regexes.json");

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

impl RegexesError {
    fn rule(regex: &str, problem: String) -> Self {
        Self::Rule {
            regex: regex.to_owned(),
            problem,
        }
    }
}

/// All rules, compiled.
pub(crate) struct Engine {
    rules: RuleSet,
    /// Classes by model.
    models: Table<DeviceType>,
    /// Names by package.
    apps: Table<Cow<'static, str>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    #[expect(clippy::expect_used, reason = "the data are constants, and tested")]
    pub(crate) fn embedded() -> Self {
        Self::new(UAP_CORE).expect("the embedded data are valid")
    }

    pub(crate) fn new(regexes: &[u8]) -> Result<Self, RegexesError> {
        let data: Data<'_> =
            serde_json::from_slice(regexes).map_err(|error| RegexesError::Json {
                line: error.line(),
                column: error.column(),
            })?;
        let browsers = data.user_agent_parsers.into_iter().map(Rule::from);
        let systems = data.os_parsers.into_iter().map(Rule::from);
        let devices = data.device_parsers.into_iter().map(Rule::from);
        let rules = RuleSet::new([
            (List::Browsers, names(BROWSERS).chain(browsers).collect()),
            (List::BrowserWords, words(&data.browsers, tables::BROWSERS)),
            (List::BrowserForms, names(BROWSER_FORMS).collect()),
            (List::OwnSystems, names(SYSTEMS).collect()),
            (List::Systems, systems.collect()),
            (List::RareSystems, names(RARE_SYSTEMS).collect()),
            (List::Devices, devices.collect()),
            (List::NamedBots, names(NAMED_BOTS).collect()),
            (List::BotWords, words(&data.bots, tables::BOTS)),
            (List::BotForms, names(BOT_FORMS).collect()),
            (List::Kinds, meanings(KINDS)),
            (List::GuessedKinds, meanings(GUESSED_KINDS)),
            (List::Classes, meanings(DEVICES)),
        ])?;
        Ok(Self {
            rules,
            models: models(&data.models)?,
            apps: apps(data.apps),
        })
    }

    /// The class of an Android device's model, if it is known.
    pub(crate) fn class_of_model(&self, model: &str) -> Option<DeviceType> {
        let key = models::key(model);
        let known = self.models.get(&key);
        let known = known.or_else(|| self.models.get(models::without_maker(&key)?));
        known.copied()
    }

    /// The app of an Android package, if it is known.
    pub(crate) fn app(&self, package: &str) -> Option<&str> {
        self.apps.get(package).map(|name| &**name)
    }

    /// Searches a text for all rules at once.
    pub(crate) fn read<'a>(&'a self, text: &'a str) -> Reading<'a> {
        Reading::new(self.rules.scan(text))
    }
}

/// Rules with a name, or else with their first group as the name.
fn names<'a>(rules: &[(&'a str, Option<&'a str>)]) -> impl Iterator<Item = Rule<'a>> {
    rules.iter().map(|&(pattern, name)| Rule {
        pattern: Cow::Borrowed(pattern),
        fields: versioned([name.map(Cow::Borrowed), None, None, None, None]),
        ..Rule::default()
    })
}

/// Rules for words, of which the longest wins; `newer` ones replace those of the table.
fn words<'a>(newer: &'a Words, table: &'a str) -> Vec<Rule<'a>> {
    let newer = newer
        .iter()
        .map(|(word, name)| (word.as_str(), name.as_str()));
    let mut rows: Vec<(&str, &str)> = newer.chain(tables::rows(table)).collect();
    rows.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    let rule = |(word, name)| Rule {
        pattern: Cow::Borrowed(word),
        form: Form::Word,
        fields: [
            Draft::text(name),
            Draft::group(1),
            Draft::default(),
            Draft::default(),
            Draft::default(),
        ],
    };
    rows.into_iter().map(rule).collect()
}

fn models(newer: &Words) -> Result<Table<DeviceType>, RegexesError> {
    let class = |(model, class)| Some((model, DeviceType::named(class)?));
    let mut table = Table::sorted(tables::rows(tables::MODELS).filter_map(class));
    for (model, name) in newer {
        let class = DeviceType::named(name).ok_or_else(|| {
            RegexesError::rule(
                model,
                format!("`{name}` is no class of devices; `Tablet` is one"),
            )
        })?;
        table.set(models::key(model), class);
    }
    Ok(table)
}

fn apps(newer: Words) -> Table<Cow<'static, str>> {
    let rows = tables::rows(tables::APPS);
    let mut table = Table::sorted(rows.map(|(package, name)| (package, Cow::Borrowed(name))));
    for (package, name) in newer {
        table.set(package, Cow::Owned(name));
    }
    table
}

/// Rules of which only the match matters.
fn meanings<T>(rules: &[(&'static str, T)]) -> Vec<Rule<'static>> {
    let rule = |(pattern, _): &(&'static str, T)| Rule {
        pattern: Cow::Borrowed(*pattern),
        ..Rule::default()
    };
    rules.iter().map(rule).collect()
}
