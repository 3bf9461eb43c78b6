use http::{HeaderMap, HeaderName};
use user_metadata_events::parse_traceparent;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The upgrade's [W3C trace context](https://www.w3.org/TR/trace-context/#traceparent-header), if
/// it is valid and alone. Of a newer version the fields that version 00 knows are kept, as the
/// specification asks.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<Box<str>> {
    let mut values = headers.get_all(TRACEPARENT).into_iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let known = parse_traceparent(value.to_str().ok()?)?;
    Some(format!("00{}", &known[2..]).into_boxed_str())
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
        assert_eq!(traced(&[&VALID[..54]]), None);
        assert_eq!(traced(&[VALID, VALID]), None);
    }
}
