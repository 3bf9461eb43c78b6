//! What users rely on, one test each. The long list is in `tests/fixtures.rs`.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::parser;
use user_metadata_ua::{
    Client, ClientHints, ClientKind, DeviceType, HintsUse, Parser, RegexesError,
};

const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
const MACINTOSH: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15";
const ANDROID: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36";

fn parse(user_agent: &str) -> Client {
    parser().parse(user_agent, &ClientHints::default())
}

fn parse_with(user_agent: &str, hints: &str) -> Client {
    parser().parse(user_agent, &serde_json::from_str(hints).unwrap())
}

fn labels(client: &Client) -> [Option<String>; 3] {
    let device = client.device_label().map(str::to_owned);
    [client.browser_label(), client.os_label(), device]
}

#[test]
fn labels_are_what_the_event_carries() {
    let expected = ["Chrome 120.0", "Windows 10", "Desktop"];
    assert_eq!(
        labels(&parse(WINDOWS)),
        expected.map(|label| Some(label.to_owned()))
    );
}

#[test]
fn windows_10_is_the_name_of_a_platform_and_frozen() {
    let os = parse(WINDOWS).os.unwrap();
    assert_eq!(
        (os.version.as_deref(), os.version_frozen),
        (Some("10"), true)
    );
    let os = parse_with(
        WINDOWS,
        r#"{"platform":"Windows","platformVersion":"10.0.0"}"#,
    )
    .os;
    let os = os.unwrap();
    assert_eq!(
        (os.version.as_deref(), os.version_frozen),
        (Some("10"), false)
    );
}

#[test]
fn windows_11_is_known_from_hints_alone() {
    let client = parse_with(
        WINDOWS,
        r#"{"platform":"Windows","platformVersion":"15.0.0"}"#,
    );
    assert_eq!(client.os_label().as_deref(), Some("Windows 11"));
    assert_eq!(client.hints, HintsUse::Used);
}

#[test]
fn frozen_versions_are_left_out() {
    for (user_agent, name) in [(MACINTOSH, "macOS"), (ANDROID, "Android")] {
        let os = parse(user_agent).os.unwrap();
        assert_eq!((os.name.as_str(), os.version), (name, None));
        assert!(os.version_frozen);
    }
    let kindle = "Mozilla/5.0 (Linux; Android 10; KFTRWI) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
    assert_eq!(parse(kindle).os_label().as_deref(), Some("Android 10"));
}

#[test]
fn ios_26_is_read_from_the_version_of_safari() {
    let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1";
    assert_eq!(parse(safari).os_label().as_deref(), Some("iOS 26.1"));
    let before = safari.replace("26.1", "18.7");
    assert_eq!(parse(&before).os_label().as_deref(), Some("iOS 18.7"));
    let silent = safari.replace("Version/26.1 ", "");
    assert_eq!(parse(&silent).os_label().as_deref(), Some("iOS"));
    assert!(parse(&silent).os.unwrap().version_frozen);
}

#[test]
fn an_ipad_that_says_it_is_a_mac_is_known_by_its_touch_screen() {
    let client = parse_with(MACINTOSH, r#"{"maxTouchPoints":5}"#);
    assert_eq!(client.os_label().as_deref(), Some("iPadOS 26.1"));
    assert_eq!(client.device.kind, Some(DeviceType::Tablet));
    assert_eq!(
        parse_with(MACINTOSH, r#"{"maxTouchPoints":0}"#),
        parse(MACINTOSH)
    );
}

#[test]
fn a_tablet_that_says_mobile_is_known_by_its_model() {
    let hints =
        r#"{"platform":"Android","platformVersion":"14.0.0","model":"SM-T225","mobile":true}"#;
    let device = parse_with(ANDROID, hints).device;
    assert_eq!(device.kind, Some(DeviceType::Tablet));
    assert_eq!(device.vendor.as_deref(), Some("Samsung"));
    let full = ANDROID.replace("Android 10; K", "Android 14; SM-T225");
    assert_eq!(
        parse_with(&full, r#"{"mobile":true}"#).device.kind,
        Some(DeviceType::Tablet)
    );
}

#[test]
fn hints_that_contradict_are_reported_and_change_nothing() {
    for (user_agent, hints) in [
        (
            WINDOWS,
            r#"{"platform":"Android","platformVersion":"16.0.0","mobile":true}"#,
        ),
        (
            ANDROID,
            r#"{"platform":"Windows","platformVersion":"15.0.0","mobile":false}"#,
        ),
        (
            MACINTOSH,
            r#"{"brands":[{"brand":"Google Chrome","version":"142"}],"platform":"macOS"}"#,
        ),
    ] {
        let mut client = parse_with(user_agent, hints);
        assert_eq!(client.hints, HintsUse::Contradicted, "{user_agent} {hints}");
        client.hints = HintsUse::Unused;
        assert_eq!(client, parse(user_agent));
    }
}

#[test]
fn hints_that_repeat_the_user_agent_are_not_used() {
    let hints = r#"{"brands":[{"brand":"Chromium","version":"120"},{"brand":"Google Chrome","version":"120"}],"platform":"Windows","mobile":false}"#;
    assert_eq!(parse_with(WINDOWS, hints), parse(WINDOWS));
}

#[test]
fn a_library_is_not_a_bot_and_has_no_device() {
    let client = parse("okhttp/4.12.0");
    assert_eq!(client.kind, Some(ClientKind::Library));
    assert_eq!((client.bot, client.device.kind), (None, None));
}

#[test]
fn nothing_is_known_of_an_empty_user_agent() {
    assert_eq!(parse(""), Client::default());
}

#[test]
fn parsers_are_shared_between_threads() {
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    is_shared(parser());
}

#[test]
fn rules_that_cannot_be_used_are_named() {
    let error = |json: &str| Parser::from_regexes(json.as_bytes()).unwrap_err();
    assert_eq!(error("{\n}"), RegexesError::Json { line: 2, column: 1 });
    let bad = r#"{"user_agent_parsers":[{"regex":"(fine)"},{"regex":"(torn"}],"os_parsers":[],"device_parsers":[]}"#;
    let RegexesError::Rule { regex, .. } = error(bad) else {
        panic!("another error");
    };
    assert_eq!(regex, "(torn");
    for newer in [r#""bots":{"":"Nobody"}"#, r#""models":{"X1":"Fridge"}"#] {
        let json =
            format!(r#"{{"user_agent_parsers":[],"os_parsers":[],"device_parsers":[],{newer}}}"#);
        assert!(matches!(error(&json), RegexesError::Rule { .. }), "{newer}");
    }
}

#[test]
fn newer_rows_are_added_to_the_tables_and_replace_what_is_there() {
    let json = br#"{
        "user_agent_parsers": [], "os_parsers": [], "device_parsers": [],
        "bots": {"shelfscan": "Shelf Scan", "applebot": "Fruit Scan"},
        "browsers": {"quokka/": "Quokka"},
        "models": {"Example T1": "Tablet", "SM-T225": "Mobile"},
        "apps": {"com.example.app": "Example"}
    }"#;
    let parser = Parser::from_regexes(json).unwrap();
    let parse = |user_agent: &str| parser.parse(user_agent, &ClientHints::default());
    assert_eq!(parse("ShelfScan/2").bot.as_deref(), Some("Shelf Scan"));
    assert_eq!(parse("Applebot/0.1").bot.as_deref(), Some("Fruit Scan"));
    let quokka = parse("Mozilla/5.0 (X11) AppleWebKit/537.36 Quokka/3.2 Safari/537.36");
    assert_eq!(quokka.browser_label().as_deref(), Some("Quokka 3.2"));
    for (model, class) in [("Example_T1", "Tablet"), ("SM-T225", "Mobile")] {
        let user_agent = format!("Mozilla/5.0 (Linux; Android 15; {model}) AppleWebKit/537.36");
        assert_eq!(parse(&user_agent).device_label(), Some(class), "{model}");
    }
    let mut hints = ClientHints::default();
    hints.requested_with = Some("com.example.app".to_owned());
    let app = parser.parse(
        "Mozilla/5.0 (Linux; Android 15; wv) AppleWebKit/537.36",
        &hints,
    );
    assert_eq!(app.browser_label().as_deref(), Some("Example"));
}

#[test]
fn own_rules_come_before_those_of_uap_core() {
    let empty = br#"{"user_agent_parsers":[],"os_parsers":[],"device_parsers":[]}"#;
    let client = Parser::from_regexes(empty)
        .unwrap()
        .parse("curl/8.7.1", &ClientHints::default());
    assert_eq!(client.kind, Some(ClientKind::Library));
    assert_eq!(client.browser_label().as_deref(), Some("curl 8.7"));
}
