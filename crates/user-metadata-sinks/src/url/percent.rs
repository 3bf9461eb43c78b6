use percent_encoding::percent_decode_str;

/// Decodes `%20` and the like; `None` if one is malformed, a NUL, or not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let is_escape = |part: &str| {
        let digits = part.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    let is_right = text.split('%').skip(1).all(is_escape) && !decoded.contains('\0');
    is_right.then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_what_they_stand_for() {
        for (text, expected) in [
            ("", ""),
            ("a b#c", "a b#c"),
            ("what%3f%20100%25", "what? 100%"),
            ("%C3%A9t%c3%a9", "été"),
            ("+", "+"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_escape_is_refused() {
        for text in ["%", "a%2", "%zz", "%+1", "%00", "%ff", "100%é"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
