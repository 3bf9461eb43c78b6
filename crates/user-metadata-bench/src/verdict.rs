use std::fmt;

/// Whether all goals are met so far.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    has_failed: bool,
}

impl Verdict {
    /// Prints a measurement with its bound.
    pub(crate) fn check(&mut self, what: fmt::Arguments<'_>, floor: &str, holds: bool) {
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        println!("{what}   ({floor}: {verdict})");
        self.has_failed |= !holds;
    }

    pub(crate) fn is_good(&self) -> bool {
        !self.has_failed
    }
}
