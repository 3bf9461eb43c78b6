use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use super::json::cut;

/// The longest pause that a vendor may ask for.
const LONGEST: Duration = Duration::from_secs(3600);

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    /// Empty if it was too long.
    pub(crate) body: Bytes,
}

impl Answer {
    pub(super) fn new(
        status: StatusCode,
        headers: &HeaderMap,
        now: SystemTime,
        body: Bytes,
    ) -> Self {
        let value = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok());
        Self {
            status,
            retry_after: value.and_then(|value| retry_after(value, now)),
            body,
        }
    }

    /// The body, if it is JSON of this shape.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What it says, for the reason of a dead letter: short, on one line.
    pub(crate) fn in_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let text = text.trim();
        match text {
            "" => self.status.to_string(),
            text => format!("{}: {}", self.status, in_one_line(text)),
        }
    }
}

/// Text from outside: shortened, and without control characters.
pub(crate) fn in_one_line(text: &str) -> String {
    let text = cut(text, 300);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Seconds, or a date.
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(value).ok()?;
            until.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let after = |value| retry_after(value, now);
        assert_eq!(after("120"), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:50:07 GMT";
        assert_eq!(after(date), Some(Duration::from_secs(30)));
        let past = "Sun, 06 Nov 1994 08:00:00 GMT";
        assert_eq!(after(past), Some(Duration::ZERO));
        assert_eq!(after("99999999"), Some(LONGEST));
        for odd in ["", "-1", "soon", "1.5"] {
            assert_eq!(after(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_a_vendor_says_stays_in_its_line() {
        assert_eq!(in_one_line("a\r\n\u{1b}[31mb"), "a   [31mb");
        assert_eq!(in_one_line(&"é".repeat(1000)).chars().count(), 300);
    }
}
