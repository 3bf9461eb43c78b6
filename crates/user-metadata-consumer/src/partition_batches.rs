use std::collections::BTreeMap;
use std::num::NonZeroU32;

use user_metadata_events::partition_for_key;

/// Groups records into batches by the partition of their key, each of at most `max_bytes` unless a
/// single record is larger.
pub(crate) fn partition_batches<T>(
    records: impl IntoIterator<Item = T>,
    partitions: NonZeroU32,
    max_bytes: usize,
    key_and_bytes: impl Fn(&T) -> (Option<&[u8]>, usize),
) -> Vec<(u32, Vec<T>)> {
    let mut full = Vec::new();
    let mut open: BTreeMap<u32, (usize, Vec<T>)> = BTreeMap::new();
    for record in records {
        let (key, size) = key_and_bytes(&record);
        let partition = key.map_or(0, |key| partition_for_key(key, partitions));
        let (bytes, batch) = open.entry(partition).or_default();
        if *bytes + size > max_bytes && !batch.is_empty() {
            full.push((partition, std::mem::take(batch)));
            *bytes = 0;
        }
        *bytes += size;
        batch.push(record);
    }
    let open = open.into_iter();
    full.extend(open.map(|(partition, (_, batch))| (partition, batch)));
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_closed_before_it_is_too_large_and_the_order_of_a_key_stays() {
        let records = [("a", 3), ("a", 3), ("b", 9), ("a", 3), ("a", 1)];
        let batches = partition_batches(records, NonZeroU32::MIN, 7, |(key, size)| {
            (Some(key.as_bytes()), *size)
        });
        let sizes: Vec<_> = batches
            .iter()
            .map(|(partition, batch)| {
                let sizes = batch.iter().map(|(_, size)| *size);
                (*partition, sizes.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(sizes, [(0, vec![3, 3]), (0, vec![9]), (0, vec![3, 1])]);
    }
}
