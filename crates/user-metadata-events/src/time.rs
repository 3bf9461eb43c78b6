use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, de};

/// A point in time: whole milliseconds since 1970-01-01T00:00:00Z, at most the year 9999.
///
/// A number in JSON. Displays as RFC 3339 in UTC with milliseconds.
///
/// ```
/// use user_metadata_events::UnixMillis;
/// let joined = UnixMillis::new(1_763_856_000_000).unwrap();
/// assert_eq!(joined.to_string(), "2025-11-23T00:00:00.000Z");
/// assert_eq!(UnixMillis::new(u64::MAX), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The first moment: 1970-01-01T00:00:00.000Z.
    pub const EPOCH: Self = Self(0);

    /// The last moment that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Takes milliseconds since the epoch; `None` beyond [`UnixMillis::MAX`].
    #[must_use]
    pub const fn new(millis: u64) -> Option<Self> {
        if millis <= Self::MAX.0 {
            Some(Self(millis))
        } else {
            None
        }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// Milliseconds since the epoch, signed as Kafka and SQL count them.
    #[must_use]
    pub const fn as_i64(self) -> i64 {
        // At most MAX, which fits.
        self.0.cast_signed()
    }

    /// This moment plus `elapsed` (whole milliseconds), at most [`UnixMillis::MAX`].
    #[must_use]
    pub fn saturating_add(self, elapsed: Duration) -> Self {
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// How long after `earlier` this moment is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A clock before 1970 counts as [`UnixMillis::EPOCH`], one beyond 9999 as [`UnixMillis::MAX`].
impl From<SystemTime> for UnixMillis {
    fn from(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::EPOCH.saturating_add(since_epoch)
    }
}

impl From<UnixMillis> for SystemTime {
    fn from(time: UnixMillis) -> Self {
        UNIX_EPOCH + Duration::from_millis(time.0)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(SystemTime::from(*self)).fmt(f)
    }
}

impl<'de> Deserialize<'de> for UnixMillis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = u64::deserialize(deserializer)?;
        Self::new(millis).ok_or_else(|| de::Error::custom("timestamp beyond the year 9999"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_1970_counts_as_the_epoch() {
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(UnixMillis::from(before), UnixMillis::EPOCH);
    }

    #[test]
    fn adding_stops_at_the_last_moment_and_subtracting_at_zero() {
        assert_eq!(
            UnixMillis::MAX.saturating_add(Duration::MAX),
            UnixMillis::MAX
        );
        assert_eq!(UnixMillis::EPOCH.since(UnixMillis::MAX), Duration::ZERO);
        assert_eq!(UnixMillis::MAX.to_string(), "9999-12-31T23:59:59.999Z");
    }
}
