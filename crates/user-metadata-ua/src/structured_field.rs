//! The few forms of structured fields (RFC 9651) that client hints use. Lenient: proxies and logs
//! lose the quotes of strings, so a string without them is read as it is.

use crate::Brand;

/// `"Windows"`
pub(crate) fn string(value: &str) -> Option<String> {
    Some(Items(value).next()?.0)
}

/// `"Tablet", "EInk"`
pub(crate) fn strings(value: &str) -> Vec<String> {
    Items(value).map(|(item, _)| item).collect()
}

/// `?1`
pub(crate) fn boolean(value: &str) -> Option<bool> {
    match value.trim() {
        "?1" | "1" | "true" => Some(true),
        "?0" | "0" | "false" => Some(false),
        _ => None,
    }
}

/// `"Chromium";v="142", "Not=A?Brand";v="24"`
pub(crate) fn brands(value: &str) -> Vec<Brand> {
    let brand = |(brand, version): (String, Option<String>)| Brand {
        brand,
        version: version.unwrap_or_default(),
    };
    Items(value).map(brand).collect()
}

/// The items of a list, each with its parameter `v`.
struct Items<'a>(&'a str);

impl Iterator for Items<'_> {
    type Item = (String, Option<String>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0 = self.0.trim_start_matches([',', ' ', '\t']);
        if self.0.is_empty() {
            return None;
        }
        let item = self.text(&[',', ';']);
        let mut version = None;
        while let Some(rest) = self.0.trim_start().strip_prefix(';') {
            self.0 = rest;
            let name = self.text(&[',', ';', '=']);
            if let Some(rest) = self.0.strip_prefix('=') {
                self.0 = rest;
                let value = self.text(&[',', ';']);
                version = version.or((name == "v").then_some(value));
            }
        }
        // Anything else between an item and the next comma is not a structured field.
        self.0 = self.0.find(',').map_or("", |comma| &self.0[comma..]);
        Some((item, version))
    }
}

impl Items<'_> {
    /// A quoted string, or the text before one of `ends`.
    fn text(&mut self, ends: &[char]) -> String {
        self.0 = self.0.trim_start();
        let Some(quoted) = self.0.strip_prefix('"') else {
            let end = self.0.find(ends).unwrap_or(self.0.len());
            let (text, rest) = self.0.split_at(end);
            self.0 = rest;
            return text.trim_end().to_owned();
        };
        let mut text = String::new();
        let mut chars = quoted.chars();
        while let Some(char) = chars.next() {
            match char {
                '"' => break,
                '\\' => text.extend(chars.next()),
                _ => text.push(char),
            }
        }
        self.0 = chars.as_str();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(value: &str) -> Vec<(String, String)> {
        brands(value)
            .into_iter()
            .map(|Brand { brand, version }| (brand, version))
            .collect()
    }

    #[test]
    fn brands_are_read_as_chromium_writes_them() {
        let value = r#""Chromium";v="142", "Not\"A;,Brand";v="8" , "Google Chrome";v="142.0.1""#;
        let expected = [
            ("Chromium", "142"),
            ("Not\"A;,Brand", "8"),
            ("Google Chrome", "142.0.1"),
        ];
        assert_eq!(pairs(value), expected.map(|(a, b)| (a.into(), b.into())));
    }

    #[test]
    fn lost_quotes_and_other_parameters_do_no_harm() {
        let expected = [("Google Chrome", "142"), ("Brave", ""), ("X", "1")];
        assert_eq!(
            pairs(r#"Google Chrome;v=142, Brave;q, "X" ; a="b" ;v="1"junk"#),
            expected.map(|(a, b)| (a.into(), b.into()))
        );
        assert_eq!(string("Windows"), Some("Windows".into()));
        assert_eq!(string(r#""Chrome OS""#), Some("Chrome OS".into()));
        assert_eq!(string(r#""""#), Some(String::new()));
        assert_eq!(string(" "), None);
        assert_eq!(strings(r#""Tablet", "EInk""#), ["Tablet", "EInk"]);
        assert_eq!(
            (boolean("?1"), boolean("?0"), boolean("?")),
            (Some(true), Some(false), None)
        );
    }

    #[test]
    fn torn_values_end() {
        for value in [r#"""#, r#""\"#, ";", ";;v=", "=,=;=", ",,,", r#""a"b"c""#] {
            assert!(brands(value).len() <= 3, "{value}");
        }
    }
}
