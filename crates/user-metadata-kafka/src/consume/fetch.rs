//! How much is fetched at a time.

use krafka::consumer::ConsumerBuilder;

/// The largest fetch response in bytes, all partitions together.
const MAX_BYTES: i32 = 8 << 20;
/// More records than such a response usually has. krafka discards what exceeds this and fetches it
/// again; and while this many records are buffered and none is taken, it busy-loops.
const MAX_RECORDS: i32 = MAX_BYTES / 64;

/// Returns at most `max_batch` records at a time.
pub(super) fn in_batches_of(max_batch: u32, builder: ConsumerBuilder) -> ConsumerBuilder {
    let max_batch = i32::try_from(max_batch.max(1)).unwrap_or(i32::MAX);
    builder
        .max_poll_records(max_batch)
        .fetch_max_bytes(MAX_BYTES)
        .max_buffered_records(MAX_RECORDS)
}
