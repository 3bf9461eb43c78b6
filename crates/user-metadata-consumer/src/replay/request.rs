use std::collections::BTreeMap;

use user_metadata_events::UnixMillis;

/// What is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayRequest {
    /// The dead letters of each sink, by its name, that were not read again before. How far it got
    /// is kept in the group `GROUP.NAME.replay`.
    DeadLetters,
    /// Events of the topic. Nothing is kept of how far it got.
    Events {
        /// Leaves out what happened before.
        from: Option<UnixMillis>,
        /// Leaves out what happened then or later. An event may lie far behind others of its time,
        /// as one does that waited out an outage, so reading goes on to the end all the same.
        until: Option<UnixMillis>,
        /// Where reading starts: these partitions alone, at these offsets. `None`: at the first
        /// event of `from` in every partition.
        from_offsets: Option<BTreeMap<u32, u64>>,
        /// Where reading ends in these partitions, before these offsets; in the others at the end
        /// that the topic has when the replay is opened.
        until_offsets: BTreeMap<u32, u64>,
    },
}

impl ReplayRequest {
    /// Events of the topic from this moment on; `None`: all that are kept.
    #[must_use]
    pub const fn events_from(from: Option<UnixMillis>) -> Self {
        Self::Events {
            from,
            until: None,
            from_offsets: None,
            until_offsets: BTreeMap::new(),
        }
    }
}
