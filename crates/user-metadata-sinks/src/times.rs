//! The event times that a store accepts.

/// The `dlq_reason` of an event whose time a store does not accept.
pub(crate) const OUT_OF_RANGE: &str = "timestamp_out_of_range";

#[cfg(any(feature = "sqlite", feature = "redis", feature = "mongodb"))]
pub(crate) use future::reject_future;

/// PostgreSQL has limits of its own, in its settings.
#[cfg(any(feature = "sqlite", feature = "redis", feature = "mongodb"))]
mod future {
    use std::time::{Duration, SystemTime};

    use user_metadata_consumer::{Delivery, Rejection};
    use user_metadata_events::UnixMillis;

    /// How far a clock may be ahead. An event from further ahead would stay its user's newest until
    /// that time.
    const SKEW: Duration = Duration::from_secs(24 * 60 * 60);

    /// The events of a batch, with their indexes, that are not from the future; rejects the others.
    pub(crate) fn reject_future<'a>(
        batch: &'a [Delivery],
        rejections: &mut Vec<Rejection>,
    ) -> Vec<(usize, &'a Delivery)> {
        let latest = UnixMillis::from(SystemTime::now()).saturating_add(SKEW);
        let is_taken = |(index, delivery): &(usize, &Delivery)| {
            let is_taken = delivery.event.timestamp <= latest;
            if !is_taken {
                rejections.push(Rejection::new(*index, super::OUT_OF_RANGE));
            }
            is_taken
        };
        batch.iter().enumerate().filter(is_taken).collect()
    }
}
