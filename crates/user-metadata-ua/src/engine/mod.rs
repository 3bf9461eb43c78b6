//! All rules, uap-core's and this crate's own, in one set.

mod expression;
mod literals;
mod prefilter;
mod rule;
mod rule_set;
#[cfg(test)]
mod tests;
mod uap;
mod word;

use std::borrow::Cow;
use std::fmt;

use crate::models;
use crate::rules::{
    BOT_FORMS, BROWSER_FORMS, BROWSERS, DEVICES, GUESSED_KINDS, KINDS, NAMED_BOTS, RARE_SYSTEMS,
    SYSTEMS,
};
use crate::tables::{self, Table};
use crate::{ClientKind, DeviceType};

use rule::{Draft, Form, Rule};
use rule_set::{RuleSet, Scan};
use uap::{Data, Words, versioned};

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

/// The lists of rules. In each the first match counts.
#[derive(Debug, Clone, Copy)]
enum List {
    Browsers,
    BrowserWords,
    BrowserForms,
    OwnSystems,
    Systems,
    RareSystems,
    Devices,
    NamedBots,
    BotWords,
    BotForms,
    Kinds,
    GuessedKinds,
    Classes,
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
        let rules = RuleSet::new([
            names(BROWSERS).chain(browsers).collect(),
            words(&data.browsers, tables::BROWSERS),
            names(BROWSER_FORMS).collect(),
            names(SYSTEMS).collect(),
            data.os_parsers.into_iter().map(Rule::from).collect(),
            names(RARE_SYSTEMS).collect(),
            data.device_parsers.into_iter().map(Rule::from).collect(),
            names(NAMED_BOTS).collect(),
            words(&data.bots, tables::BOTS),
            names(BOT_FORMS).collect(),
            meanings(KINDS),
            meanings(GUESSED_KINDS),
            meanings(DEVICES),
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

    /// Looks through a text for all that any rule asks for.
    pub(crate) fn read<'a>(&'a self, text: &'a str) -> Reading<'a> {
        Reading {
            scan: self.rules.scan(text),
        }
    }
}

/// Rules that name something, and where they don't, their first group does.
fn names<'a>(rules: &[(&'a str, Option<&'a str>)]) -> impl Iterator<Item = Rule<'a>> {
    rules.iter().map(|&(pattern, name)| Rule {
        pattern: Cow::Borrowed(pattern),
        fields: versioned([name.map(Cow::Borrowed), None, None, None, None]),
        ..Rule::default()
    })
}

/// Rules for words, of which the longest counts; `newer` ones replace those of the table.
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

/// Rules whose match alone means something.
fn meanings<T>(rules: &[(&'static str, T)]) -> Vec<Rule<'static>> {
    let rule = |(pattern, _): &(&'static str, T)| Rule {
        pattern: Cow::Borrowed(*pattern),
        ..Rule::default()
    };
    rules.iter().map(rule).collect()
}

/// A text, and what the rules say of it.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    scan: Scan<'a>,
}

/// A name with a version, as the rules give them.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) name: Option<Cow<'a, str>>,
    pub(crate) version: [Option<Cow<'a, str>>; 4],
}

/// A device as uap-core describes it.
#[derive(Debug)]
pub(crate) struct UapDevice<'a> {
    pub(crate) family: Option<Cow<'a, str>>,
    pub(crate) brand: Option<Cow<'a, str>>,
    pub(crate) model: Option<Cow<'a, str>>,
}

impl<'a> Reading<'a> {
    pub(crate) fn browser(&mut self) -> Option<Named<'a>> {
        self.named(List::Browsers)
    }

    /// What stands in a User-Agent besides an engine's browser.
    pub(crate) fn fork(&mut self) -> Option<Named<'a>> {
        let word = self.named(List::BrowserWords);
        word.or_else(|| self.named(List::BrowserForms))
    }

    /// By this crate's own rules.
    pub(crate) fn own_system(&mut self) -> Option<Named<'a>> {
        self.named(List::OwnSystems)
    }

    /// By uap-core's rules, and what they don't know.
    pub(crate) fn system(&mut self) -> Option<Named<'a>> {
        let known = self.named(List::Systems);
        let is_known = |named: &Named<'a>| named.name.as_deref() != Some("Other");
        known
            .filter(is_known)
            .or_else(|| self.named(List::RareSystems))
    }

    pub(crate) fn device(&mut self) -> Option<UapDevice<'a>> {
        let [family, brand, model, ..] = self.scan.first(List::Devices as usize)?.fields;
        Some(UapDevice {
            family,
            brand,
            model,
        })
    }

    pub(crate) fn named_bot(&mut self) -> Option<Named<'a>> {
        self.named(List::NamedBots)
    }

    pub(crate) fn bot_word(&mut self) -> Option<Named<'a>> {
        self.named(List::BotWords)
    }

    pub(crate) fn bot_form(&mut self) -> Option<Named<'a>> {
        self.named(List::BotForms)
    }

    pub(crate) fn kind(&mut self) -> Option<ClientKind> {
        self.meaning(List::Kinds, KINDS)
    }

    /// Where nothing is known by name.
    pub(crate) fn guessed_kind(&mut self) -> Option<ClientKind> {
        self.meaning(List::GuessedKinds, GUESSED_KINDS)
    }

    pub(crate) fn class(&mut self) -> Option<DeviceType> {
        self.meaning(List::Classes, DEVICES)
    }

    fn named(&mut self, list: List) -> Option<Named<'a>> {
        let [name, a, b, c, d] = self.scan.first(list as usize)?.fields;
        Some(Named {
            name,
            version: [a, b, c, d],
        })
    }

    fn meaning<T: Copy>(&mut self, list: List, rules: &[(&str, T)]) -> Option<T> {
        let found = self.scan.first(list as usize)?;
        rules.get(found.rule).map(|(_, meaning)| *meaning)
    }
}
