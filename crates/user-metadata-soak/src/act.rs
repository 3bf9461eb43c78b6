/// What happens to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// One more process joins.
    Join,
    /// The oldest gets a SIGTERM.
    Leave,
    /// The oldest is killed (SIGKILL).
    Kill,
}

impl Act {
    /// In turn, repeatedly: there are two to four processes, and each sees every kind of change in
    /// another.
    pub(crate) const ALL: [Self; 8] = [
        Self::Join,
        Self::Kill,
        Self::Join,
        Self::Leave,
        Self::Join,
        Self::Join,
        Self::Kill,
        Self::Leave,
    ];
}
