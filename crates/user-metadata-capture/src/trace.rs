use http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The length of a version 00 `traceparent`: `00-TRACE_ID-PARENT_ID-FLAGS`.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// The upgrade's [W3C trace context](https://www.w3.org/TR/trace-context/#traceparent-header), if
/// it is valid and alone. Of a newer version the fields that version 00 knows are kept, as the
/// specification asks.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<Box<str>> {
    let mut values = headers.get_all(TRACEPARENT).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let value = value.to_str().ok()?;
    let (known, rest) = value.split_at_checked(LENGTH)?;
    let mut fields = known.split('-');
    let (version, trace, parent, flags) = (
        fields.next()?,
        fields.next()?,
        fields.next()?,
        fields.next()?,
    );
    let is_valid = is_hex(version, 2)
        && version != "ff"
        && is_id(trace, 32)
        && is_id(parent, 16)
        && is_hex(flags, 2)
        && (rest.is_empty() || (version != "00" && rest.starts_with('-')));
    is_valid.then(|| format!("00{}", &known[2..]).into_boxed_str())
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

    fn traced(values: &[&str]) -> Option<Box<str>> {
        traceparent(
            &values
                .iter()
                .map(|value| (TRACEPARENT, value.parse().unwrap()))
                .collect(),
        )
    }

    #[test]
    fn a_valid_one_is_kept() {
        assert_eq!(traced(&[VALID]).as_deref(), Some(VALID));
    }

    #[test]
    fn a_newer_version_is_kept_as_version_00() {
        let newer = VALID.replacen("00", "cc", 1);
        assert_eq!(traced(&[&newer]).as_deref(), Some(VALID));
        assert_eq!(
            traced(&[&format!("{newer}-what-comes")]).as_deref(),
            Some(VALID)
        );
    }

    #[test]
    fn an_invalid_one_is_dropped() {
        for value in [
            "",
            &VALID[..54],
            &format!("{VALID}-00"),
            &VALID.replacen("00", "ff", 1),
            &VALID.to_uppercase(),
            &VALID.replace('-', "_"),
            &VALID.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &VALID.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &VALID.replace("7b3", "7-3"),
            &format!("{}é", &VALID[..54]),
        ] {
            assert_eq!(traced(&[value]), None, "{value}");
        }
        assert_eq!(traced(&[VALID, VALID]), None);
    }
}
