use std::collections::BTreeMap;

use user_metadata_events::UnixMillis;

/// What to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayRequest {
    /// The dead letters of each sink, by its name, that were not replayed before. The progress is
    /// kept in the group `GROUP.NAME.replay`.
    DeadLetters,
    /// Events of the topic. The progress is not kept.
    Events {
        /// Leaves out events before this time.
        from: Option<UnixMillis>,
        /// Leaves out events at this time or later. An event may be far behind others of its time,
        /// for example after an outage, so reading continues to the end all the same.
        until: Option<UnixMillis>,
        /// Reads only these partitions, from these offsets. `None`: all partitions, from the first
        /// event of `from`.
        from_offsets: Option<BTreeMap<u32, u64>>,
        /// Ends reading in these partitions before these offsets; in the others at the end of the
        /// topic as of when the replay was made.
        until_offsets: BTreeMap<u32, u64>,
    },
}

impl ReplayRequest {
    /// Events of the topic from this time on; `None`: all available events.
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
