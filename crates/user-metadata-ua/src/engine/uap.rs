//! The rules of uap-core, in the JSON form of its `regexes.yaml`.
//!
//! What the fields mean: <https://github.com/ua-parser/uap-core/blob/master/docs/specification.md>

use std::borrow::Cow;

use serde::Deserialize;

use super::rule::{Draft, Form, Rule};

#[derive(Deserialize)]
pub(super) struct UapRules<'a> {
    #[serde(borrow)]
    user_agent_parsers: Vec<BrowserRule<'a>>,
    os_parsers: Vec<SystemRule<'a>>,
    device_parsers: Vec<DeviceRule<'a>>,
}

#[derive(Deserialize)]
struct BrowserRule<'a> {
    #[serde(borrow)]
    regex: Cow<'a, str>,
    family_replacement: Option<Cow<'a, str>>,
    v1_replacement: Option<Cow<'a, str>>,
    v2_replacement: Option<Cow<'a, str>>,
    v3_replacement: Option<Cow<'a, str>>,
    v4_replacement: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct SystemRule<'a> {
    #[serde(borrow)]
    regex: Cow<'a, str>,
    os_replacement: Option<Cow<'a, str>>,
    os_v1_replacement: Option<Cow<'a, str>>,
    os_v2_replacement: Option<Cow<'a, str>>,
    os_v3_replacement: Option<Cow<'a, str>>,
    os_v4_replacement: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct DeviceRule<'a> {
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

impl<'a> UapRules<'a> {
    /// Name and four parts of the version.
    pub(super) fn browsers(&mut self) -> impl Iterator<Item = Rule<'a>> {
        self.user_agent_parsers.drain(..).map(|rule| Rule {
            pattern: rule.regex,
            form: Form::Regex,
            fields: versioned([
                rule.family_replacement,
                rule.v1_replacement,
                rule.v2_replacement,
                rule.v3_replacement,
                rule.v4_replacement,
            ]),
        })
    }

    /// Name and four parts of the version.
    pub(super) fn systems(&mut self) -> impl Iterator<Item = Rule<'a>> {
        self.os_parsers.drain(..).map(|rule| Rule {
            pattern: rule.regex,
            form: Form::Regex,
            fields: versioned([
                rule.os_replacement,
                rule.os_v1_replacement,
                rule.os_v2_replacement,
                rule.os_v3_replacement,
                rule.os_v4_replacement,
            ]),
        })
    }

    /// Device, brand, model.
    pub(super) fn devices(&mut self) -> impl Iterator<Item = Rule<'a>> {
        let field = |text, group| Draft { text, group };
        self.device_parsers.drain(..).map(move |rule| Rule {
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
        })
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
