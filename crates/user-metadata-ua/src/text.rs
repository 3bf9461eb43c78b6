//! Sanitizes untrusted text.

use std::borrow::Cow;

/// The first `length` scalar values; those that could garble a log or a page become spaces.
pub(crate) fn cap(text: &str, length: usize) -> Cow<'_, str> {
    // Nearly all are so.
    if text.len() <= length && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.into();
    }
    let end = text
        .char_indices()
        .nth(length)
        .map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    if text.contains(is_unprintable) {
        text.replace(is_unprintable, " ").into()
    } else {
        text.into()
    }
}

/// A usable hint: not empty, of bounded length and printable.
pub(crate) fn usable(hint: Option<&String>) -> Option<&str> {
    let hint = hint?.trim();
    let bounded = hint.chars().take(MAX_NAME + 1).count() <= MAX_NAME;
    (!hint.is_empty() && bounded && !hint.contains(is_unprintable)).then_some(hint)
}

/// The longest name in a result, in scalar values.
pub(crate) const MAX_NAME: usize = 128;

/// A name for a result: trimmed and of bounded length; `None` if nothing is left.
pub(crate) fn name(text: &str) -> Option<String> {
    let name = cap(text.trim(), MAX_NAME);
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The same for an owned string.
pub(crate) fn owned_name(text: String) -> Option<String> {
    let is_fine = text.len() <= MAX_NAME
        && text.bytes().all(|byte| matches!(byte, b'!'..=b'~'))
        && !text.is_empty();
    if is_fine { Some(text) } else { name(&text) }
}

/// Control characters, line and paragraph separators, and those that change the direction of text.
fn is_unprintable(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_between_scalar_values_and_made_printable() {
        assert_eq!(cap("äöü", 2), "äö");
        assert_eq!(cap("a\u{0}b\u{202e}c\n", 9), "a b c ");
        assert!(matches!(cap("plain", 5), Cow::Borrowed("plain")));
    }

    #[test]
    fn hints_that_are_empty_too_long_or_unprintable_are_not_usable() {
        let usable = |hint: &str| usable(Some(&hint.to_owned())).map(str::to_owned);
        assert_eq!(usable(" Pixel 9 "), Some("Pixel 9".into()));
        assert_eq!(usable(&"é".repeat(128)), Some("é".repeat(128)));
        for hint in ["", "  ", "a\tb", &"x".repeat(129)] {
            assert_eq!(usable(hint), None);
        }
    }
}
