use std::str::FromStr;
use std::time::Duration;

use user_metadata_events::UnixMillis;

/// Where a sink starts that has no position yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    Earliest,
    Latest,
    At(UnixMillis),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            text => text.parse().map_or_else(|_| rfc3339(text), UnixMillis::new),
        };
        time.map(Self::At).ok_or_else(|| {
            "write `earliest`, `latest`, ms since the epoch, or e.g. 2026-11-24T08:00:00Z"
                .to_owned()
        })
    }
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

/// Takes `+02:00` off the end: the rest, and the offset in minutes.
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

    fn at(millis: u64) -> Result<From, String> {
        Ok(From::At(UnixMillis::new(millis).unwrap()))
    }

    #[test]
    fn times_are_rfc_3339_with_any_offset_or_milliseconds() {
        assert_eq!("2025-11-23T00:00:00Z".parse(), at(1_763_856_000_000));
        assert_eq!("2025-11-23T02:30:00.5+02:30".parse(), at(1_763_856_000_500));
        assert_eq!("2025-11-22T19:00:00-05:00".parse(), at(1_763_856_000_000));
        assert_eq!("1763856000000".parse(), at(1_763_856_000_000));
        assert_eq!("latest".parse(), Ok(From::Latest));
    }

    #[test]
    fn what_is_no_time_is_refused_with_an_example() {
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
            let error = text.parse::<From>().unwrap_err();
            assert!(error.contains("2026-11-24T08:00:00Z"), "{text}: {error}");
        }
    }
}
