use std::collections::BTreeMap;

use user_metadata_consumer::{PartitionCount, ReplayCount, UnixMillis};

/// What a replay into these sinks would do, for people.
pub(crate) fn in_words(count: &ReplayCount, sinks: &[&str]) -> String {
    let mut lines = vec![count.topic.clone()];
    let partitions = count.partitions.iter();
    lines.extend(partitions.map(|(partition, found)| partition_line(*partition, found)));
    if let Some(letters) = &count.letters {
        // A sink that has none is named, too.
        let mut ahead: BTreeMap<&str, u64> = sinks.iter().map(|sink| (*sink, 0)).collect();
        for ((sink, reason), letters) in letters {
            // Whoever wrote the letters chose the words.
            let (name, reason) = (sink.escape_debug(), reason.escape_debug());
            let (kept, new) = (letters.kept, letters.ahead);
            lines.push(format!(
                "  sink {name}: {kept} letters, {new} to replay: {reason}"
            ));
            if let Some(count) = ahead.get_mut(&**sink) {
                *count += new;
            }
        }
        let would = ahead.iter();
        lines.extend(
            would.map(|(sink, letters)| format!("would write {letters} letters to {sink}")),
        );
    } else {
        let records: u64 = count.partitions.values().map(|found| found.records).sum();
        let would = sinks.iter();
        lines.extend(would.map(|sink| format!("would write {records} events to {sink}")));
    }
    lines.join("\n") + "\n"
}

fn partition_line(partition: u32, found: &PartitionCount) -> String {
    let at = |time: Option<UnixMillis>| time.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let (first, last) = (at(found.first), at(found.last));
    let (records, bytes, left_out) = (found.records, found.bytes, found.left_out);
    format!(
        "  partition {partition}: {records} records, {bytes} bytes, from {first} to {last}; \
         {left_out} left out"
    )
}
