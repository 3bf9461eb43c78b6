use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

use crate::DropReason;

const ACCEPTED: &str = "user_metadata_events_accepted_total";
const RECOVERED: &str = "user_metadata_events_recovered_total";
const PUBLISHED: &str = "user_metadata_events_published_total";
const DROPPED: &str = "user_metadata_events_dropped_total";
const PENDING: &str = "user_metadata_events_pending";
const OUTBOX_BYTES: &str = "user_metadata_outbox_bytes";
const OUTBOX_OLDEST: &str = "user_metadata_outbox_oldest_seconds";
const OUTBOX_DEGRADED: &str = "user_metadata_outbox_degraded";
const PUBLISH_SECONDS: &str = "user_metadata_publish_seconds";
#[cfg(feature = "embedded")]
const LOG_UNREAD_REMOVED: &str = "user_metadata_log_unread_removed_total";

/// The publisher's metrics. The handles belong to the recorder that is installed when the
/// publisher is made.
pub(crate) struct Metrics {
    accepted: Counter,
    recovered: Counter,
    published: Counter,
    dropped: [Counter; DropReason::ALL.len()],
    pending: Gauge,
    outbox_bytes: Gauge,
    outbox_oldest: Gauge,
    outbox_degraded: Gauge,
    publish_seconds: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        describe();
        Self {
            accepted: counter!(ACCEPTED),
            recovered: counter!(RECOVERED),
            published: counter!(PUBLISHED),
            dropped: std::array::from_fn(
                |reason| counter!(DROPPED, "reason" => DropReason::ALL[reason].as_str()),
            ),
            pending: gauge!(PENDING),
            outbox_bytes: gauge!(OUTBOX_BYTES),
            outbox_oldest: gauge!(OUTBOX_OLDEST),
            outbox_degraded: gauge!(OUTBOX_DEGRADED),
            publish_seconds: histogram!(PUBLISH_SECONDS),
        }
    }

    pub(crate) fn accepted(&self) {
        self.accepted.increment(1);
    }

    pub(crate) fn recovered(&self, events: u64) {
        self.recovered.increment(events);
    }

    /// Whether events wait in memory only, although there is an outbox on disk.
    pub(crate) fn degraded(&self, is_degraded: bool) {
        self.outbox_degraded.set(f64::from(u8::from(is_degraded)));
    }

    pub(crate) fn published(&self, events: u64) {
        self.published.increment(events);
    }

    pub(crate) fn publish_time(&self, elapsed: Duration) {
        self.publish_seconds.record(elapsed);
    }

    pub(crate) fn dropped(&self, reason: DropReason, events: u64) {
        self.dropped[reason as usize].increment(events);
    }

    pub(crate) fn outbox(&self, events: usize, bytes: usize) {
        self.pending.set(events as f64);
        self.outbox_bytes.set(bytes as f64);
    }

    pub(crate) fn oldest(&self, age: Duration) {
        self.outbox_oldest.set(age);
    }
}

/// Counts events that retention removed from the embedded log before a group had read them.
#[cfg(feature = "embedded")]
pub(crate) fn unread_removed(events: u64) {
    counter!(LOG_UNREAD_REMOVED).increment(events);
}

fn describe() {
    describe_counter!(ACCEPTED, "Events given to the publisher, refused ones too");
    describe_counter!(
        RECOVERED,
        "Events that an earlier process had left in the outbox"
    );
    describe_counter!(PUBLISHED, "Events acknowledged by the topic");
    describe_counter!(DROPPED, "Events lost, by reason");
    describe_gauge!(PENDING, "Events waiting for their acknowledgement");
    describe_gauge!(
        OUTBOX_BYTES,
        Unit::Bytes,
        "What pending events take of the outbox's bound, on disk or in memory"
    );
    describe_gauge!(
        OUTBOX_DEGRADED,
        "1 while the disk refuses and events wait in memory only"
    );
    describe_gauge!(
        OUTBOX_OLDEST,
        Unit::Seconds,
        "How long the oldest pending event has waited"
    );
    describe_histogram!(
        PUBLISH_SECONDS,
        Unit::Seconds,
        "From publish to acknowledgement"
    );
    #[cfg(feature = "embedded")]
    describe_counter!(
        LOG_UNREAD_REMOVED,
        "Events that retention removed from the embedded log before every group had read them"
    );
}
