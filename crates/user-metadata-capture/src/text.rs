//! Headers as text: whatever the bytes, the result is bounded and safe to print.

use http::{HeaderMap, HeaderName};
use user_metadata_events::forges_lines;

/// The first header of that name as text, at most `max` Unicode scalar values; `None` if there is
/// none or it is blank.
///
/// What is not UTF-8, and characters that could forge or reorder a line of a log, become U+FFFD.
pub(crate) fn header_text(headers: &HeaderMap, name: &HeaderName, max: usize) -> Option<Box<str>> {
    const LONGEST_CHARACTER: usize = 4;
    let bytes = headers.get(name)?.as_bytes().trim_ascii();
    // A character that is cut in the middle here is beyond `max`.
    let bytes = &bytes[..bytes.len().min(max * LONGEST_CHARACTER)];
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.chars().take(max).map(printable).collect();
    (!text.is_empty()).then(|| text.into_boxed_str())
}

fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        harmful if forges_lines(harmful) => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::USER_AGENT;

    use super::*;

    fn text(bytes: &[u8], max: usize) -> Option<Box<str>> {
        let value = HeaderValue::from_bytes(bytes).unwrap();
        header_text(
            &HeaderMap::from_iter([(USER_AGENT, value)]),
            &USER_AGENT,
            max,
        )
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_replaced_not_refused() {
        assert_eq!(
            text(b"\xff\xfe\xc3(", 9).as_deref(),
            Some("\u{fffd}\u{fffd}\u{fffd}(")
        );
    }

    #[test]
    fn characters_that_forge_lines_are_replaced() {
        let value = "a\tb\u{85}c\u{2028}d\u{202e}e";
        assert_eq!(
            text(value.as_bytes(), 99).as_deref(),
            Some("a b\u{fffd}c\u{fffd}d\u{fffd}e")
        );
    }

    #[test]
    fn the_limit_counts_characters_and_never_splits_one() {
        assert_eq!(text("é".repeat(9).as_bytes(), 4).as_deref(), Some("éééé"));
        assert_eq!(
            text("x👩👩👩👩👩".as_bytes(), 4).as_deref(),
            Some("x👩👩👩")
        );
        assert_eq!(
            text(&b"\xf0\x9f".repeat(99), 4).as_deref(),
            Some("\u{fffd}".repeat(4).as_str())
        );
    }

    #[test]
    fn a_blank_header_is_none() {
        assert_eq!(text(b" \t ", 9), None);
        assert_eq!(header_text(&HeaderMap::new(), &USER_AGENT, 9), None);
    }
}
