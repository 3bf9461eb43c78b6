use std::num::NonZeroU32;
use std::path::PathBuf;

use super::options::Options;
use crate::ParseSinkError;

/// A file of lines, and when it is rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileTarget {
    pub(crate) path: PathBuf,
    /// In bytes; without it the file grows for ever.
    pub(crate) rotate: Option<u64>,
    /// How many full files are kept.
    pub(crate) keep: NonZeroU32,
}

impl FileTarget {
    const KEEP: NonZeroU32 = NonZeroU32::new(10).unwrap();

    pub(super) fn parse(path: PathBuf, options: &mut Options) -> Result<Self, ParseSinkError> {
        let rotate = options.take("rotate", "must be a size such as `64MiB`, not 0", size)?;
        let keep = options.take(
            "keep",
            "must be how many full files stay, 1 to 1000",
            |value| {
                value
                    .parse()
                    .ok()
                    .filter(|keep: &NonZeroU32| keep.get() <= 1000)
            },
        )?;
        Ok(Self {
            path,
            rotate,
            keep: keep.unwrap_or(Self::KEEP),
        })
    }
}

/// Bytes, or `KiB`, `MiB`, `GiB`.
fn size(text: &str) -> Option<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (digits, shift) = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))
        .unwrap_or((text, 0));
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_number.then(|| digits.parse().ok())??;
    number.checked_mul(1 << shift).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_have_a_unit() {
        assert_eq!(size("1000"), Some(1000));
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("2GiB"), Some(2 << 30));
        for text in ["", "0", "MiB", "+1", "1MB", "1 MiB", "99999999999GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }
}
