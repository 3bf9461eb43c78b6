/// The length of a version 00 `traceparent`: `00-TRACE_ID-PARENT_ID-FLAGS`.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// Returns the fields of a valid [W3C `traceparent`][spec] that version 00 knows, its version
/// included; `None` when it is not valid. A newer version may have more behind them.
///
/// ```
/// use user_metadata_events::parse_traceparent;
/// let newer = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
/// assert_eq!(parse_traceparent(newer), Some(&newer[..55]));
/// assert_eq!(parse_traceparent("00-0-0-01"), None);
/// ```
///
/// [spec]: https://www.w3.org/TR/trace-context/#traceparent-header
#[must_use]
pub fn parse_traceparent(value: &str) -> Option<&str> {
    let (known, rest) = value.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let mut next = || fields.next().unwrap_or_default();
    let (version, trace, parent, flags) = (next(), next(), next(), next());
    let is_valid = is_hex(version, 2)
        && version != "ff"
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2)
        && (rest.is_empty() || (version != "00" && rest.starts_with('-')));
    is_valid.then_some(known)
}

fn is_id(field: &str, length: usize) -> bool {
    is_hex(field, length) && field.bytes().any(|digit| digit != b'0')
}

fn is_hex(field: &str, length: usize) -> bool {
    field.len() == length
        && field
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn of_a_newer_version_the_known_fields_are_returned() {
        assert_eq!(parse_traceparent(VALID), Some(VALID));
        let newer = VALID.replacen("00", "cc", 1);
        assert_eq!(parse_traceparent(&newer), Some(&*newer));
        let longer = format!("{newer}-what-comes");
        assert_eq!(parse_traceparent(&longer), Some(&*newer));
    }

    #[test]
    fn an_invalid_one_is_refused() {
        for value in [
            "",
            "00",
            &VALID[..54],
            &format!("{VALID}-00"),
            &VALID.replacen("00", "ff", 1),
            &VALID.to_uppercase(),
            &VALID.replace('-', "_"),
            &VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &VALID.replace("7b3", "7-3"),
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
            &format!("{}é", &VALID[..54]),
            &format!("{}more", VALID.replacen("00", "cc", 1)),
        ] {
            assert_eq!(parse_traceparent(value), None, "{value}");
        }
    }
}
