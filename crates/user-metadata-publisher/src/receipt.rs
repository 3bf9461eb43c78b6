use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use user_metadata_events::{EncodedEvent, UnixMillis};

/// What is known of an event besides its record. Many may wait for long, so it is small.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receipt {
    /// Its place in the order of all events.
    pub(crate) sequence: u64,
    pub(crate) accepted_at: Instant,
    pub(crate) sizes: Sizes,
}

/// The size of a record in a batch, and of its event in memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    batch: u32,
    memory: u32,
}

impl Sizes {
    /// The size of a record in a batch beyond its own bytes.
    const FRAMING: usize = 100;

    /// The size of an event in memory beyond key and value: receipt, allocations and indexes, and
    /// its share of what is being sent, as measured with a full outbox.
    const OVERHEAD: usize = 900;

    pub(crate) fn of(event: &EncodedEvent, source: &str) -> Self {
        let bounded = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
        Self {
            batch: bounded(event.record_size(source) + Self::FRAMING),
            memory: bounded(event.key().len() + event.value().len() + Self::OVERHEAD),
        }
    }

    pub(crate) fn batch(self) -> usize {
        self.batch as usize
    }

    pub(crate) fn memory(self) -> usize {
        self.memory as usize
    }
}

/// When an event that was read from the disk was accepted: at its own time, if the clocks agree.
pub(crate) fn accepted_at(timestamp: UnixMillis) -> Instant {
    let age = UnixMillis::from(SystemTime::now()).since(timestamp);
    let now = Instant::now();
    now.checked_sub(age.min(Duration::from_secs(1 << 30)))
        .unwrap_or(now)
}
