//! The engine against the one that uap-core's own project gave first, `uaparser`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::Fixture;
use uaparser::{Parser as _, UserAgentParser};
use user_metadata_ua::PARSED_USER_AGENT;

/// JSON is YAML, so both engines read one file.
const REGEXES: &[u8] = include_bytes!("../data/regexes.json");

type Facts = [Option<String>; 6];

/// This engine says nothing where the other says `Other`.
fn known(name: &str) -> Option<String> {
    (name != "Other" && !name.is_empty()).then(|| name.to_owned())
}

fn by_uaparser(oracle: &UserAgentParser, user_agent: &str) -> Facts {
    let client = oracle.parse(user_agent);
    let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
    [
        known(&client.user_agent.family),
        owned(client.user_agent.major),
        owned(client.user_agent.minor),
        known(&client.os.family),
        owned(client.os.major),
        owned(client.os.minor),
    ]
}

fn by_engine(engine: &ua_parser::Extractor<'_>, user_agent: &str) -> Facts {
    let owned = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
    let browser = engine.ua.extract(user_agent).unwrap_or_default();
    let os = engine.os.extract(user_agent).unwrap_or_default();
    [
        known(&browser.family),
        browser.major.map(str::to_owned),
        browser.minor.map(str::to_owned),
        known(&os.os),
        owned(os.major),
        owned(os.minor),
    ]
}

#[test]
fn both_engines_say_the_same_of_browser_and_system() {
    let oracle = UserAgentParser::builder()
        .with_unicode_support(false)
        .build_from_bytes(REGEXES)
        .unwrap();
    let regexes: ua_parser::Regexes<'_> = serde_json::from_slice(REGEXES).unwrap();
    let engine = ua_parser::Extractor::try_from(regexes).unwrap();
    for fixture in Fixture::all() {
        let user_agent: String = fixture
            .user_agent()
            .chars()
            .take(PARSED_USER_AGENT)
            .collect();
        let expected = by_uaparser(&oracle, &user_agent);
        assert_eq!(by_engine(&engine, &user_agent), expected, "{fixture}");
    }
}
