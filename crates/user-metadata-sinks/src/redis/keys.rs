use user_metadata_events::UnixMillis;

use super::row::Row;
use crate::fence::Place;

/// The longest name in a key or a counter, in bytes: names come from outside.
const NAME_MAX: usize = 64;

/// The names of keys; the README lists them for readers that use Redis without this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keys {
    prefix: String,
}

impl Keys {
    pub(super) const fn new(prefix: String) -> Self {
        Self { prefix }
    }

    /// A user's latest metadata: a hash.
    pub(super) fn user(&self, id: &str) -> String {
        format!("{}u:{id}", self.prefix)
    }

    /// Who joined lately: a sorted set of users by the time of their last join. `what` is `all`, or
    /// one of [`facets`].
    pub(super) fn online(&self, what: &str) -> String {
        format!("{}on:{what}", self.prefix)
    }

    /// The names that `online` has sets for: a sorted set by the time of the last join.
    pub(super) fn names(&self) -> String {
        format!("{}names", self.prefix)
    }

    /// How often users joined on the day of `at` in UTC, in all and from what: a hash.
    pub(super) fn day(&self, at: UnixMillis) -> String {
        let time = at.to_string();
        let day = time.split('T').next().unwrap_or_default();
        format!("{}day:{day}", self.prefix)
    }

    /// How far a partition is counted: a hash.
    pub(super) fn fence(&self, place: &Place) -> String {
        format!("{}at:{}:{}", self.prefix, place.topic, place.partition)
    }

    /// A key that never exists.
    pub(super) fn nothing(&self) -> String {
        format!("{}nothing", self.prefix)
    }
}

/// What an event is counted under besides `all`: `d:Mobile`, `b:Chrome`, `o:macOS`.
pub(super) fn facets(row: &Row) -> impl Iterator<Item = String> {
    let facets = [("d", row.device()), ("b", row.browser()), ("o", row.os())];
    let known = facets.into_iter().filter(|(_, text)| !text.is_empty());
    known.map(|(kind, text)| format!("{kind}:{}", name(text)))
}

/// `Chrome` of `Chrome 120.0`: per version there would be many small counters.
fn name(text: &str) -> &str {
    let name = match text.rsplit_once(' ') {
        Some((name, version)) if version.starts_with(|first: char| first.is_ascii_digit()) => name,
        _ => text,
    };
    name.get(..name.floor_char_boundary(NAME_MAX))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_without_its_version_and_of_bounded_length() {
        for (text, expected) in [
            ("Chrome 120.0", "Chrome"),
            ("Mobile Safari 17.2", "Mobile Safari"),
            ("macOS 14.2", "macOS"),
            ("Chrome OS", "Chrome OS"),
            ("Windows XP", "Windows XP"),
            ("curl", "curl"),
        ] {
            assert_eq!(name(text), expected);
        }
        assert_eq!(name(&"é".repeat(100)).len(), NAME_MAX);
    }
}
