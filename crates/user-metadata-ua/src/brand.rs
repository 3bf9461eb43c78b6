//! The brands of a browser, one of which is its name.

use crate::{Brand, ClientHints, text, version};

/// The brand that names a browser.
#[derive(Debug, PartialEq)]
pub(crate) struct Chosen<'a> {
    /// Its name as uap-core writes it.
    pub(crate) name: &'a str,
    /// Its version, as far as the hints have it.
    pub(crate) version: Option<&'a str>,
    /// Many browsers carry it, so that it doesn't make one of them another.
    pub(crate) is_shared: bool,
    /// A headless browser.
    pub(crate) is_headless: bool,
}

/// Whether there is any brand but invented ones.
pub(crate) fn has_brands(hints: &ClientHints) -> bool {
    candidates(&hints.brands)
        .chain(candidates(&hints.full_version_list))
        .next()
        .is_some()
}

/// The most specific brand, with its full version if that is known.
pub(crate) fn choose(hints: &ClientHints) -> Option<Chosen<'_>> {
    let full = candidates(&hints.full_version_list);
    let full = full.filter(|(brand, version)| is_own_version(brand, *version, &hints.brands));
    let all = full.chain(candidates(&hints.brands));
    // Of equal ones the first is kept: full versions come first.
    let (brand, version) = all.min_by_key(|(brand, _)| rank(brand))?;
    Some(Chosen {
        name: uap_name(brand),
        version,
        is_shared: rank(brand) > OPERA,
        is_headless: rank(brand) == HEADLESS,
    })
}

/// Whether a full version is the brand's, not Chromium's: Opera 85 to 94 mixed them up.
fn is_own_version(brand: &str, full: Option<&str>, brands: &[Brand]) -> bool {
    let mut short = candidates(brands).filter(|(name, _)| *name == brand);
    let major = |version: Option<&str>| version.and_then(version::major);
    short
        .next()
        .is_none_or(|(_, short)| major(short).is_none() || major(short) == major(full))
}

/// Brands with usable names, without those that browsers invent so that nobody relies on the list
/// (GREASE): `Not=A?Brand` with any punctuation.
fn candidates(brands: &[Brand]) -> impl Iterator<Item = (&str, Option<&str>)> {
    let is_invented = |name: &str| {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        letters
            .map(|char| char.to_ascii_lowercase())
            .eq("notabrand".chars())
    };
    brands
        .iter()
        .take(ClientHints::MAX_ITEMS)
        .filter_map(move |Brand { brand, version }| {
            let name = text::usable(Some(brand)).filter(|name| !is_invented(name))?;
            let version = text::usable(Some(version)).and_then(version::numeric);
            Some((name, version))
        })
}

const HEADLESS: u8 = 0;
const NAMED: u8 = 1;
const OPERA: u8 = 2;

/// The lower, the more specific.
fn rank(brand: &str) -> u8 {
    match brand {
        "HeadlessChrome" | "HeadlessEdg" => HEADLESS,
        // On phones it comes with OperaMobile, and with the desktop's version.
        "Opera" => OPERA,
        "Google Chrome" => 3,
        "Android WebView" => 4,
        "Chromium" => 5,
        _ => NAMED,
    }
}

/// What uap-core calls the browser of that brand.
fn uap_name(brand: &str) -> &str {
    match brand {
        "Google Chrome" | "Chromium" => "Chrome",
        "Android WebView" => "Chrome Mobile WebView",
        "Microsoft Edge" | "Microsoft Edge WebView2" => "Edge",
        "OperaMobile" => "Opera Mobile",
        "YaBrowser" | "Yandex" => "Yandex Browser",
        "CocCoc" => "Coc Coc",
        "HuaweiBrowser" => "Huawei Browser",
        "AVG Secure Browser" => "AVG",
        "Naver Whale" => "Whale",
        _ => brand,
    }
}

/// Whether two names are one browser on different devices: `Edge` and `Edge Mobile`.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let words = |name: &str| {
        let is_variant = |word: &&str| !matches!(*word, "Mobile" | "iOS" | "Android" | "WebView");
        let words: Vec<_> = name
            .split(' ')
            .filter(is_variant)
            .map(str::to_lowercase)
            .collect();
        words
    };
    words(one) == words(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(brands: &[(&str, &str)]) -> ClientHints {
        let brand = |&(brand, version): &(&str, &str)| Brand {
            brand: brand.to_owned(),
            version: version.to_owned(),
        };
        ClientHints {
            full_version_list: brands.iter().map(brand).collect(),
            ..ClientHints::default()
        }
    }

    #[test]
    fn invented_brands_are_skipped() {
        for invented in [
            "Not=A?Brand",
            " Not A;Brand",
            "Not)A;Brand",
            "Not_A Brand",
            "(Not(A:Brand",
        ] {
            assert!(!has_brands(&hints(&[(invented, "99")])), "{invented}");
            let hints = hints(&[(invented, "99.0.0.0"), ("Chromium", "142.0.7444.60")]);
            let chosen = choose(&hints).unwrap();
            assert_eq!(
                (chosen.name, chosen.version),
                ("Chrome", Some("142.0.7444.60"))
            );
        }
    }

    #[test]
    fn the_most_specific_brand_names_the_browser() {
        for (brands, name) in [
            (["Chromium", "Google Chrome"], "Chrome"),
            (["Chromium", "Brave"], "Brave"),
            (["Opera", "OperaMobile"], "Opera Mobile"),
            (["Microsoft Edge", "Chromium"], "Edge"),
            (["Chromium", "HeadlessChrome"], "HeadlessChrome"),
            (["Android WebView", "Chromium"], "Chrome Mobile WebView"),
        ] {
            let hints = hints(&brands.map(|brand| (brand, "1")));
            assert_eq!(choose(&hints).unwrap().name, name);
        }
    }

    #[test]
    fn a_full_version_that_is_chromiums_is_not_the_brands() {
        let mut hints = hints(&[("Opera", "99.0.4844.84"), ("Chromium", "99.0.4844.84")]);
        hints.brands = vec![Brand {
            brand: "Opera".to_owned(),
            version: "85".to_owned(),
        }];
        let chosen = choose(&hints).unwrap();
        assert_eq!((chosen.name, chosen.version), ("Opera", Some("85")));
    }

    #[test]
    fn variants_are_one_browser() {
        assert!(is_same("Edge", "Edge Mobile"));
        assert!(is_same("Chrome", "Chrome Mobile WebView"));
        assert!(is_same("DuckDuckGo", "DuckDuckGo Mobile"));
        assert!(!is_same("Opera", "Opera GX"));
    }
}
