//! Version numbers as text: parts joined by dots.

/// Joins the parts up to the first that is missing. Zeros behind the second part are dropped: most
/// are not facts but what a browser writes instead (`Chrome/142.0.0.0`).
pub(crate) fn join<'a>(parts: impl IntoIterator<Item = Option<&'a str>>) -> Option<String> {
    let mut version = String::with_capacity(16);
    for part in parts.into_iter().map_while(|part| part) {
        if !version.is_empty() {
            version.push('.');
        }
        version.push_str(part);
    }
    version.truncate(trim(&version).len());
    crate::text::owned_name(version)
}

/// Drops zeros behind the second part: `142.0.0.0` is `142.0`.
pub(crate) fn trim(version: &str) -> &str {
    let mut version = version;
    while version.matches('.').count() > 1 {
        let Some(shorter) = version.strip_suffix(".0") else {
            break;
        };
        version = shorter;
    }
    version
}

/// A version of numbers alone, as client hints carry them.
pub(crate) fn numeric(version: &str) -> Option<&str> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    version.split('.').all(is_number).then_some(version)
}

/// The first number: 142 of `142.0.7444.60`.
pub(crate) fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// The number of parts.
pub(crate) fn parts(version: &str) -> usize {
    version.split('.').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_behind_the_second_part_are_dropped() {
        let version = |parts: &[&'static str]| join(parts.iter().map(|part| Some(*part)));
        assert_eq!(version(&["142", "0", "0", "0"]), Some("142.0".into()));
        assert_eq!(version(&["26", "6", "0"]), Some("26.6".into()));
        assert_eq!(
            version(&["142", "0", "7444", "0"]),
            Some("142.0.7444".into())
        );
        assert_eq!(version(&["10"]), Some("10".into()));
        assert_eq!(version(&[]), None);
        assert_eq!(join([Some("8"), None, Some("1")]), Some("8".into()));
    }

    #[test]
    fn only_numbers_are_a_numeric_version() {
        assert_eq!(numeric("15.0.0"), Some("15.0.0"));
        for text in ["", ".", "15.", "1.x", "1 ", "٣"] {
            assert_eq!(numeric(text), None, "{text}");
        }
        assert_eq!(major("142.0"), Some(142));
        assert_eq!(major("99999999999"), None);
    }
}
