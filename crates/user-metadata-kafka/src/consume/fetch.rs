//! How much is fetched at a time.

use krafka::consumer::ConsumerBuilder;

/// The most bytes that a broker's answer brings, of all partitions together.
const MAX_BYTES: i32 = 8 << 20;
/// More records than such an answer has as a rule. What lies above it krafka throws away and fetches
/// again; and while that many lie ready and none is taken, it does not wait but turns in circles.
const MAX_RECORDS: i32 = MAX_BYTES / 64;

/// Hands out at most `max_batch` records at a time.
pub(super) fn in_batches_of(max_batch: u32, builder: ConsumerBuilder) -> ConsumerBuilder {
    let max_batch = i32::try_from(max_batch.max(1)).unwrap_or(i32::MAX);
    builder
        .max_poll_records(max_batch)
        .fetch_max_bytes(MAX_BYTES)
        .max_buffered_records(MAX_RECORDS)
}
