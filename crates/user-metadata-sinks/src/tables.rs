/// Which tables are kept besides `events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) users: bool,
    pub(crate) sessions: bool,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            users: true,
            sessions: false,
        }
    }
}
