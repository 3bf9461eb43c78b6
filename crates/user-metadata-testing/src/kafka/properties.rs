use std::collections::BTreeMap;
use std::fmt;

/// The `server.properties` of a broker, or some that replace its defaults.
#[derive(Debug, Clone, Default)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Sets a property.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.0.insert(name.to_owned(), value.to_string());
        self
    }

    /// Parses them in the format of the file.
    #[cfg(feature = "secure")]
    pub(super) fn read(lines: &str) -> Self {
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Overrides these with `others`.
    #[must_use]
    pub fn replaced_by(mut self, others: &Self) -> Self {
        self.0.extend(others.0.clone());
        self
    }
}

/// The format of the file: one per line.
impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}
