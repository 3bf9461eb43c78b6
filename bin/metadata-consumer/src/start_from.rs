use std::time::Duration;

use user_metadata_consumer::{StartFrom, UnixMillis};

/// Parses the value of `--from`.
pub(crate) fn start_from(text: &str) -> Result<StartFrom, &'static str> {
    let time = match text {
        "earliest" => return Ok(StartFrom::Earliest),
        "latest" => return Ok(StartFrom::Latest),
        text => text.parse().map_or_else(|_| rfc3339(text), UnixMillis::new),
    };
    time.map(StartFrom::At)
        .ok_or("must be `earliest`, `latest`, ms since the epoch, or e.g. 2026-11-24T08:00:00Z")
}

/// RFC 3339 with any offset; times before 1970 have no events.
fn rfc3339(text: &str) -> Option<UnixMillis> {
    let (local, offset_minutes) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local, 0),
        None => split_offset(text)?,
    };
    let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let offset = Duration::from_secs(offset_minutes.unsigned_abs() * 60);
    let utc = if offset_minutes < 0 {
        local.checked_add(offset)?
    } else {
        local.checked_sub(offset)?
    };
    Some(UnixMillis::from(utc))
}

/// Splits `+02:00` off the end: the rest, and the offset in minutes.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    let total = i64::from(hours) * 60 + i64::from(minutes);
    let valid = hours < 24 && minutes < 60;
    match offset.as_bytes().first()? {
        b'+' if valid => Some((local, total)),
        b'-' if valid => Some((local, -total)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Result<StartFrom, &'static str> {
        Ok(StartFrom::At(UnixMillis::new(millis).unwrap()))
    }

    #[test]
    fn times_are_rfc_3339_with_any_offset_or_milliseconds() {
        for (text, millis) in [
            ("2025-11-23T00:00:00Z", 1_763_856_000_000),
            ("2025-11-23T02:30:00.5+02:30", 1_763_856_000_500),
            ("2025-11-22T19:00:00-05:00", 1_763_856_000_000),
            ("1763856000000", 1_763_856_000_000),
        ] {
            assert_eq!(start_from(text), at(millis), "{text}");
        }
        assert_eq!(start_from("latest"), Ok(StartFrom::Latest));
    }

    #[test]
    fn an_invalid_time_is_refused_with_an_example() {
        for text in [
            "",
            "yesterday",
            "2025-11-23",
            "2025-11-23T00:00:00",
            "2025-11-23T00:00:00+25:00",
            "-1",
            "18446744073709551615",
            "é02:00",
        ] {
            let error = start_from(text).unwrap_err();
            assert!(error.contains("2026-11-24T08:00:00Z"), "{text}: {error}");
        }
    }
}
