use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Offsets by partition, as `0:1200,2:17`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offsets(pub(crate) BTreeMap<u32, u64>);

impl FromStr for Offsets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write PARTITION:OFFSET, with commas between, e.g. 0:1200,2:17".to_owned();
        let mut offsets = BTreeMap::new();
        for part in text.split(',') {
            let (partition, offset) = part.trim().split_once(':').ok_or_else(wrong)?;
            let partition: u32 = partition.parse().map_err(|_| wrong())?;
            let offset = offset.parse().map_err(|_| wrong())?;
            if offsets.insert(partition, offset).is_some() {
                return Err(format!("partition {partition} is listed twice"));
            }
        }
        Ok(Self(offsets))
    }
}

impl Offsets {
    /// The starts and the ends of what is not read yet.
    pub(crate) fn ahead(partitions: &BTreeMap<u32, Range<u64>>) -> (Self, Self) {
        let ahead = || partitions.iter().filter(|(_, range)| !range.is_empty());
        let starts = ahead().map(|(partition, range)| (*partition, range.start));
        let ends = ahead().map(|(partition, range)| (*partition, range.end));
        (Self(starts.collect()), Self(ends.collect()))
    }
}

impl fmt::Display for Offsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.iter();
        let pairs: Vec<_> = pairs
            .map(|(partition, offset)| format!("{partition}:{offset}"))
            .collect();
        f.write_str(&pairs.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_pairs_with_commas_between() {
        let offsets: Offsets = "0:1200, 2:17".parse().unwrap();
        assert_eq!(offsets.0, BTreeMap::from([(0, 1_200), (2, 17)]));
        assert_eq!(offsets.to_string(), "0:1200,2:17");
    }

    #[test]
    fn an_invalid_offset_is_refused_with_an_example() {
        for text in ["", "1200", "0:", ":5", "0:-1", "a:1", "0:1,", "0=1"] {
            let error = text.parse::<Offsets>().unwrap_err();
            assert!(error.contains("0:1200,2:17"), "{text}: {error}");
        }
        let error = "1:2,1:3".parse::<Offsets>().unwrap_err();
        assert!(error.contains("twice"), "{error}");
    }

    #[test]
    fn what_is_not_read_yet_is_written_as_two_flags() {
        let partitions = BTreeMap::from([(0, 5..9), (1, 3..3), (2, 0..2)]);
        let (from, until) = Offsets::ahead(&partitions);
        assert_eq!(from.to_string(), "0:5,2:0");
        assert_eq!(until.to_string(), "0:9,2:2");
    }
}
