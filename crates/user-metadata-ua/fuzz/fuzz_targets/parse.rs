//! Whatever a client sends, the answer is small, printable and the same each time, with a cache,
//! too.
//!
//! The input's lines are the User-Agent, then values of hint headers.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use user_metadata_ua::{CacheOptions, Client, ClientHints, HintsUse, Parser};

static PARSER: LazyLock<Parser> = LazyLock::new(Parser::new);
static CACHED: LazyLock<Parser> =
    LazyLock::new(|| PARSER.clone().cached(CacheOptions::default()));

const HEADERS: [&str; 9] = [
    "sec-ch-ua",
    "sec-ch-ua-full-version-list",
    "sec-ch-ua-platform",
    "sec-ch-ua-platform-version",
    "sec-ch-ua-model",
    "sec-ch-ua-mobile",
    "sec-ch-ua-form-factors",
    "sec-ch-ua-bitness",
    "x-requested-with",
];

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let user_agent = lines.next().unwrap_or_default();
    let mut hints = ClientHints::default();
    for (name, value) in HEADERS.into_iter().zip(lines) {
        hints.set_header(name, value);
    }
    let client = PARSER.parse(user_agent, &hints);
    for text in texts(&client) {
        assert!((1..=128).contains(&text.chars().count()), "{text:?}");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(text, text.trim());
    }
    assert_eq!(PARSER.parse(user_agent, &hints), client);
    assert_eq!(CACHED.parse(user_agent, &hints), client);
    let plain = PARSER.parse(user_agent, &ClientHints::default());
    assert_eq!(plain.hints, HintsUse::Unused);
});

fn texts(client: &Client) -> impl Iterator<Item = &str> {
    let browser = client.browser.as_ref();
    let os = client.os.as_ref();
    let texts = [
        browser.map(|browser| browser.name.as_str()),
        browser.and_then(|browser| browser.version.as_deref()),
        os.map(|os| os.name.as_str()),
        os.and_then(|os| os.version.as_deref()),
        client.device.vendor.as_deref(),
        client.device.model.as_deref(),
        client.bot.as_deref(),
    ];
    texts.into_iter().flatten()
}
