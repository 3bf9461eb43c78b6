//! The model of an Android device.

/// The form in which models are compared: makers and browsers write them in different ways.
pub(crate) fn key(model: &str) -> String {
    let words = model
        .split([' ', '_', '\t'])
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// A key without the maker's name, which some put before the model.
pub(crate) fn without_maker(key: &str) -> Option<&str> {
    const MAKERS: [&str; 12] = [
        "acer", "amazon", "asus", "google", "htc", "huawei", "lenovo", "lge", "motorola",
        "samsung", "sony", "xiaomi",
    ];
    let (maker, model) = key.split_once([' ', '-'])?;
    MAKERS.contains(&maker).then_some(model)
}

/// The model that an Android device's User-Agent states, unchanged.
pub(crate) fn stated(user_agent: &str) -> Option<&str> {
    let (_, rest) = user_agent.split_once("Android")?;
    comment(rest)
        .split(';')
        .skip(1)
        .map(without_build)
        .find(|part| !part.is_empty() && !is_other(part))
}

/// The text up to the parenthesis that closes the comment in which it begins. Some models have
/// parentheses of their own.
fn comment(text: &str) -> &str {
    let mut depth = 0_i32;
    let end = text.find(|char| {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth < 0
    });
    &text[..end.unwrap_or(text.len())]
}

/// `SM-T225 Build/RP1A` is the model SM-T225.
fn without_build(part: &str) -> &str {
    let part = part.split_once("Build/").map_or(part, |(model, _)| model);
    part.trim().trim_end_matches(" Build")
}

/// What else is found in the place of the model.
fn is_other(part: &str) -> bool {
    is_language(part)
        || matches!(
            part,
            "K" | "U" | "wv" | "Mobile" | "Tablet" | "TV" | "Linux" | "arm_64"
        )
        || ["rv:", "SDK ", "armeabi", "arm64-", "x86"]
            .iter()
            .any(|start| part.starts_with(start))
}

/// A language tag in any of the forms found here: `en`, `en-us`, `zh_CN`, `zh-Hans-CN`.
fn is_language(part: &str) -> bool {
    let mut tags = part.split(['-', '_']);
    let is_first = |tag: &str| {
        (2..=3).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let is_further = |tag: &str| {
        (2..=4).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    tags.next().is_some_and(is_first) && tags.all(is_further)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_follows_the_version_and_the_language() {
        for (comment, model) in [
            ("Linux; Android 13; SM-T225", Some("SM-T225")),
            (
                "Linux; U; Android 4.0.4; en-us; GT-P5100 Build/IMM76D",
                Some("GT-P5100"),
            ),
            (
                "Linux; Android 11; moto g(7) Build/QP6; wv",
                Some("moto g(7)"),
            ),
            ("Linux; Android 10; K", None),
            ("Android 13; Mobile; rv:146.0", None),
            (
                "Linux; Android 9; zh-Hans-CN; Lenovo TB-X605F Build/PKQ1",
                Some("Lenovo TB-X605F"),
            ),
            (
                "Android 4.2.2; SDK 17; armeabi-v7a; asus K00F; ru",
                Some("asus K00F"),
            ),
            ("Windows NT 10.0", None),
        ] {
            let user_agent =
                format!("Mozilla/5.0 ({comment}) AppleWebKit/537.36 (KHTML, like Gecko)");
            assert_eq!(stated(&user_agent), model, "{comment}");
        }
    }

    #[test]
    fn models_are_compared_in_a_common_form() {
        assert_eq!(without_maker(&key("SAMSUNG SM-T225")), Some("sm-t225"));
        assert_eq!(without_maker(&key("Galaxy Tab")), None);
        assert_eq!(key("Lenovo_TB-X605F"), "lenovo tb-x605f");
        assert_eq!(key("  Nexus  7 "), "nexus 7");
    }
}
