use std::collections::BTreeMap;
use std::fmt;

/// The `server.properties` of a broker, or some that are to replace those it has by default.
#[derive(Debug, Clone, Default)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Sets one.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.0.insert(name.to_owned(), value.to_string());
        self
    }

    /// Reads them as the file has them.
    #[cfg(feature = "secure")]
    pub(super) fn read(lines: &str) -> Self {
        let pairs = lines.lines().filter_map(|line| line.split_once('='));
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Sets those of `others`.
    #[must_use]
    pub fn replaced_by(mut self, others: &Self) -> Self {
        self.0.extend(others.0.clone());
        self
    }
}

/// As the file has them: one a line.
impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}
