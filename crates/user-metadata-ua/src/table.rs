use regex_filtered::{Builder, Regexes};

/// Regular expressions in order, each with what its match means. The first match counts.
///
/// Literals of the expressions are searched for first and all at once, so a table may be long.
pub(crate) struct Table<T: 'static> {
    regexes: Regexes,
    rules: &'static [(&'static str, T)],
}

impl<T: Copy> Table<T> {
    /// # Panics
    ///
    /// If a rule is no regular expression. The rules are part of this crate and a test builds all.
    #[expect(clippy::expect_used, reason = "the rules are constants, and tested")]
    pub(crate) fn new(rules: &'static [(&'static str, T)]) -> Self {
        let regexes = Builder::new()
            .push_all(rules.iter().map(|(regex, _)| regex))
            .expect("rules are regular expressions")
            .build()
            .expect("rules are small");
        Self { regexes, rules }
    }

    pub(crate) fn find(&self, text: &str) -> Option<T> {
        let (index, _) = self.regexes.matching(text).next()?;
        self.rules.get(index).map(|(_, meaning)| *meaning)
    }
}
