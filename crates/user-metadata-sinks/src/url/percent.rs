/// Takes `%20` and the like out of `text`; `None` if one is malformed, a NUL, or no UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    decoded.extend(parts.next()?.bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if !is_hex || byte == 0 {
            return None;
        }
        decoded.push(byte);
        decoded.extend(rest.bytes());
    }
    String::from_utf8(decoded).ok()
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
