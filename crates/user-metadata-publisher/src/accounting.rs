use std::fmt;

/// What became of the events, at one moment. Always
/// `accepted + recovered = published + pending + dropped.total()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Accounting {
    /// Calls of [`Publisher::publish`](crate::Publisher::publish), refused ones too.
    pub accepted: u64,
    /// Events that an earlier process had left behind.
    pub recovered: u64,
    /// Events that the topic has acknowledged.
    pub published: u64,
    /// Events that wait for their acknowledgement.
    pub pending: u64,
    /// Events that were lost.
    pub dropped: Dropped,
}

/// How many events were lost, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped([u64; DropReason::ALL.len()]);

impl Dropped {
    /// The events lost for `reason`.
    #[must_use]
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0[reason as usize]
    }

    /// The events lost for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Every reason with its count.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.iter().copied().zip(self.0)
    }

    pub(crate) fn add(&mut self, reason: DropReason, events: u64) {
        self.0[reason as usize] += events;
    }

    /// What was lost since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|reason| {
            self.0[reason] - earlier.0[reason]
        }))
    }
}

impl fmt::Debug for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Why an event was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// No more events could wait.
    QueueFull,
    /// The event is larger than an event or a record may be.
    TooLarge,
    /// The topic will never take the event.
    Rejected,
    /// The publisher task had ended.
    Closed,
    /// The event was in an outbox on disk and can no longer be read.
    Unreadable,
}

impl DropReason {
    /// All reasons.
    pub const ALL: &'static [Self] = &[
        Self::QueueFull,
        Self::TooLarge,
        Self::Rejected,
        Self::Closed,
        Self::Unreadable,
    ];

    /// The reason as metrics and JSON name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooLarge => "too_large",
            Self::Rejected => "rejected",
            Self::Closed => "closed",
            Self::Unreadable => "unreadable",
        }
    }
}
