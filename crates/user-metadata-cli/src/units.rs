use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

/// An address to listen on, for clap's `value_parser`.
///
/// ```
/// use user_metadata_cli::socket_address;
/// assert_eq!(socket_address("127.0.0.1:8080").unwrap().port(), 8080);
/// assert!(socket_address("localhost").unwrap_err().contains("127.0.0.1:8080"));
/// ```
///
/// # Errors
///
/// What is needed.
pub fn socket_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "must be an IP address and a port: write e.g. 127.0.0.1:8080")
}

/// A number that is not 0, for clap's `value_parser`.
///
/// ```
/// use std::num::NonZeroU32;
/// use user_metadata_cli::at_least_one;
/// assert_eq!(at_least_one::<NonZeroU32>("3").unwrap().get(), 3);
/// assert!(at_least_one::<NonZeroU32>("0").unwrap_err().contains("at least 1"));
/// ```
///
/// # Errors
///
/// What is needed.
pub fn at_least_one<T: FromStr>(text: &str) -> Result<T, &'static str> {
    text.parse()
        .map_err(|_| "must be a whole number of at least 1")
}

/// A [`HumanDuration`] that is not 0, for clap's `value_parser`.
///
/// # Errors
///
/// What is needed.
pub fn positive_duration(text: &str) -> Result<HumanDuration, String> {
    match text.parse()? {
        HumanDuration(Duration::ZERO) => Err("must be longer than 0: write e.g. 10s".to_owned()),
        duration => Ok(duration),
    }
}

/// A [`ByteSize`] that is not 0, for clap's `value_parser`.
///
/// # Errors
///
/// What is needed.
pub fn positive_size(text: &str) -> Result<ByteSize, String> {
    match text.parse()? {
        ByteSize(0) => Err("must be larger than 0: write e.g. 64MiB".to_owned()),
        size => Ok(size),
    }
}

/// A duration as flags take it: a number with its unit, `10s`, `500ms`, `7d`.
///
/// ```
/// use user_metadata_cli::HumanDuration;
/// assert_eq!("1m 30s".parse::<HumanDuration>().unwrap().get().as_secs(), 90);
/// assert!("10".parse::<HumanDuration>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(Duration);

impl HumanDuration {
    /// The duration.
    #[must_use]
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| "must be a number with a unit: write e.g. 10s, 500ms or 7d".to_owned())
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// A size as flags take it: bytes, or a whole number of `KiB`, `MiB` or `GiB`.
///
/// ```
/// use user_metadata_cli::ByteSize;
/// assert_eq!("16KiB".parse::<ByteSize>().unwrap().get(), 16_384);
/// assert_eq!("512".parse::<ByteSize>().unwrap().get(), 512);
/// assert!("1.5 MB".parse::<ByteSize>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    const UNITS: [(&'static str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

    /// The size in bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The size in bytes as a `usize`, saturating.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = |(unit, factor)| text.strip_suffix(unit).map(|number: &str| (number, factor));
        let (number, factor) = Self::UNITS.into_iter().find_map(split).unwrap_or((text, 1));
        let bytes = number.trim_end().parse::<u64>().ok();
        bytes
            .and_then(|number| number.checked_mul(factor))
            .map(Self)
            .ok_or_else(|| {
                "must be a whole number of bytes, KiB, MiB or GiB: write e.g. 64MiB".to_owned()
            })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |&&(_, factor): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(factor);
        match Self::UNITS.iter().find(whole) {
            Some((unit, factor)) => write!(f, "{}{unit}", self.0 / factor),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_overflows_is_refused() {
        assert!("99999999999999GiB".parse::<ByteSize>().is_err());
        assert!("-1".parse::<ByteSize>().is_err());
        assert!("MiB".parse::<ByteSize>().is_err());
    }

    #[test]
    fn sizes_and_durations_show_as_they_are_typed() {
        for text in ["64MiB", "1GiB", "16KiB", "1000", "0"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        for text in ["10s", "500ms", "7days"] {
            assert_eq!(text.parse::<HumanDuration>().unwrap().to_string(), text);
        }
    }
}
