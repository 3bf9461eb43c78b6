//! Whatever a client sends, the answer is small, printable and the same each time.

mod common;

use common::parser;
use proptest::prelude::*;
use user_metadata_ua::{Brand, Client, ClientHints, HintsUse, PARSED_USER_AGENT};

/// Pieces of User-Agents, so that rules match, with anything in between.
fn user_agent() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ ;:/().,+_0-9]{0,12}",
        "[A-Za-z][A-Za-z0-9 ._-]{0,20}/[0-9.]{1,60}",
        prop::sample::select(vec![
            "Mozilla/5.0 (",
            "Windows NT 10.0; ",
            "Macintosh; Intel Mac OS X 10_15_7) ",
            "Linux; ",
            "Android 10; K) ",
            "Android 14; ",
            "iPhone; CPU iPhone OS 18_7 like Mac OS X) ",
            "iPad; ",
            "AppleWebKit/537.36 (KHTML, like Gecko) ",
            "Chrome/142.0.0.0 ",
            "Version/26.1 ",
            "Mobile ",
            "Safari/537.36 ",
            "Firefox/146.0 ",
            "; wv) ",
            " Build/",
            "CFNetwork/1 ",
            "compatible; ",
            "+https://",
            "bot",
            "crawler",
            "TV",
            "Electron/30 ",
            "FBAN/FBIOS;FBSV/",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = Option<String>> {
    let known = prop::sample::select(vec![
        "Windows",
        "macOS",
        "Android",
        "Linux",
        "Chrome OS",
        "15.0.0",
        "0.1",
        "",
        "Pixel 9",
        "SM-T225",
        "com.instagram.android",
    ]);
    prop::option::of(prop_oneof![any::<String>(), known.prop_map(str::to_owned)])
}

fn brands() -> impl Strategy<Value = Vec<Brand>> {
    let known = prop::sample::select(vec![
        "Chromium",
        "Google Chrome",
        "Not=A?Brand",
        "HeadlessChrome",
        "Brave",
        "Microsoft Edge",
    ]);
    let name = prop_oneof![any::<String>(), known.prop_map(str::to_owned)];
    let version = prop_oneof![any::<String>(), Just("142.0.7444.60".to_owned())];
    let brand = (name, version).prop_map(|(brand, version)| Brand { brand, version });
    prop::collection::vec(brand, 0..20)
}

fn hints() -> impl Strategy<Value = ClientHints> {
    let texts = (text(), text(), text(), text());
    let rest = (any::<Option<bool>>(), any::<Option<u32>>());
    (brands(), brands(), texts, rest).prop_map(|(brands, full, texts, rest)| {
        let mut hints = ClientHints::default();
        hints.brands = brands;
        hints.full_version_list = full;
        (
            hints.platform,
            hints.platform_version,
            hints.model,
            hints.requested_with,
        ) = texts;
        (hints.mobile, hints.max_touch_points) = rest;
        hints
    })
}

fn texts(client: &Client) -> Vec<&str> {
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
    texts.into_iter().flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn answers_are_short_and_printable(user_agent in user_agent(), hints in hints()) {
        let client = parser().parse(&user_agent, &hints);
        for text in texts(&client) {
            prop_assert!((1..=128).contains(&text.chars().count()), "{text:?}");
            prop_assert!(!text.contains(char::is_control), "{text:?}");
            prop_assert_eq!(text, text.trim());
        }
        prop_assert_eq!(&parser().parse(&user_agent, &hints), &client);
    }

    #[test]
    fn hints_that_tell_nothing_change_nothing(user_agent in user_agent(), hints in hints()) {
        let plain = parser().parse(&user_agent, &ClientHints::default());
        let client = parser().parse(&user_agent, &hints);
        prop_assert_eq!(plain.hints, HintsUse::Unused);
        if client.hints != HintsUse::Used {
            prop_assert_eq!((client.browser, client.os, client.device), (plain.browser, plain.os, plain.device));
        }
    }

    #[test]
    fn what_is_behind_the_cap_is_not_read(user_agent in user_agent(), rest in any::<String>()) {
        let full: String = user_agent.chars().chain("x".repeat(PARSED_USER_AGENT).chars()).collect();
        let hints = ClientHints::default();
        prop_assert_eq!(parser().parse(&full, &hints), parser().parse(&(full.clone() + &rest), &hints));
    }

    #[test]
    fn headers_of_any_form_are_taken(value in "[\"a-zA-Z0-9;,=. ?\\\\]{0,60}", rest in any::<String>()) {
        let mut hints = ClientHints::default();
        for name in ["sec-ch-ua", "sec-ch-ua-platform", "sec-ch-ua-mobile", "sec-ch-ua-form-factors"] {
            hints.set_header(name, &(value.clone() + &rest));
        }
        let bytes: usize = hints.brands.iter().map(|brand| brand.brand.len() + brand.version.len()).sum();
        prop_assert!(bytes <= value.len() + rest.len());
    }
}
