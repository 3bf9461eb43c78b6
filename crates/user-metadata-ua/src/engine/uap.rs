//! The rules of uap-core, in the JSON form of its `regexes.yaml`, and what may be added to them.
//!
//! What the fields mean: <https://github.com/ua-parser/uap-core/blob/master/docs/specification.md>

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::rule::{Draft, Form, Rule};

/// Meanings by key.
pub(super) type Words = BTreeMap<String, String>;

/// What a parser is built from.
#[derive(Deserialize)]
pub(super) struct Data<'a> {
    #[serde(borrow)]
    pub(super) user_agent_parsers: Vec<BrowserRule<'a>>,
    pub(super) os_parsers: Vec<SystemRule<'a>>,
    pub(super) device_parsers: Vec<DeviceRule<'a>>,
    /// What is newer than this crate's own tables: names by word…
    #[serde(default)]
    pub(super) bots: Words,
    #[serde(default)]
    pub(super) browsers: Words,
    /// …classes by model…
    #[serde(default)]
    pub(super) models: Words,
    /// …and names by package.
    #[serde(default)]
    pub(super) apps: Words,
}

#[derive(Deserialize)]
pub(super) struct BrowserRule<'a> {
    #[serde(borrow)]
    regex: Cow<'a, str>,
    family_replacement: Option<Cow<'a, str>>,
    v1_replacement: Option<Cow<'a, str>>,
    v2_replacement: Option<Cow<'a, str>>,
    v3_replacement: Option<Cow<'a, str>>,
    v4_replacement: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct SystemRule<'a> {
    #[serde(borrow)]
    regex: Cow<'a, str>,
    os_replacement: Option<Cow<'a, str>>,
    os_v1_replacement: Option<Cow<'a, str>>,
    os_v2_replacement: Option<Cow<'a, str>>,
    os_v3_replacement: Option<Cow<'a, str>>,
    os_v4_replacement: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
pub(super) struct DeviceRule<'a> {
    #[serde(borrow)]
    regex: Cow<'a, str>,
    regex_flag: Option<Flag>,
    device_replacement: Option<Cow<'a, str>>,
    brand_replacement: Option<Cow<'a, str>>,
    model_replacement: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
enum Flag {
    #[serde(rename = "i")]
    IgnoreCase,
}

/// Name and four parts of the version.
impl<'a> From<BrowserRule<'a>> for Rule<'a> {
    fn from(rule: BrowserRule<'a>) -> Self {
        Self {
            pattern: rule.regex,
            form: Form::Regex,
            fields: versioned([
                rule.family_replacement,
                rule.v1_replacement,
                rule.v2_replacement,
                rule.v3_replacement,
                rule.v4_replacement,
            ]),
        }
    }
}

/// Name and four parts of the version.
impl<'a> From<SystemRule<'a>> for Rule<'a> {
    fn from(rule: SystemRule<'a>) -> Self {
        Self {
            pattern: rule.regex,
            form: Form::Regex,
            fields: versioned([
                rule.os_replacement,
                rule.os_v1_replacement,
                rule.os_v2_replacement,
                rule.os_v3_replacement,
                rule.os_v4_replacement,
            ]),
        }
    }
}

/// Device, brand, model.
impl<'a> From<DeviceRule<'a>> for Rule<'a> {
    fn from(rule: DeviceRule<'a>) -> Self {
        let field = |text, group| Draft { text, group };
        Self {
            pattern: rule.regex,
            form: match rule.regex_flag {
                Some(Flag::IgnoreCase) => Form::RegexIgnoringCase,
                None => Form::Regex,
            },
            fields: [
                field(rule.device_replacement, Some(1)),
                field(rule.brand_replacement, None),
                field(rule.model_replacement, Some(1)),
                Draft::default(),
                Draft::default(),
            ],
        }
    }
}

/// Each field is its group, if nothing replaces it.
pub(super) fn versioned(replacements: [Option<Cow<'_, str>>; 5]) -> [Draft<'_>; 5] {
    let mut groups = 1..;
    replacements.map(|text| Draft {
        text,
        group: groups.next(),
    })
}
