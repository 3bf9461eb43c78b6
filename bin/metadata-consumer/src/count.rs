use std::collections::BTreeMap;

use user_metadata_consumer::{PartitionCount, ReplayCount};

/// Describes what a replay into these sinks would do.
pub(crate) fn describe(count: &ReplayCount, sinks: &[&str]) -> String {
    let mut lines = vec![count.topic.clone()];
    let partitions = count.partitions.iter();
    lines.extend(partitions.map(|(partition, found)| partition_line(*partition, found)));
    if let Some(letters) = &count.letters {
        // Sinks without any are listed, too.
        let mut ahead: BTreeMap<&str, u64> = sinks.iter().map(|sink| (*sink, 0)).collect();
        for ((sink, reason), letters) in letters {
            // Other programs may have written the letters.
            let (name, reason) = (sink.escape_debug(), reason.escape_debug());
            let (kept, new) = (letters.kept, letters.ahead);
            lines.push(format!(
                "  sink {name}: {}, {new} to replay: {reason}",
                of(kept, "letter")
            ));
            if let Some(count) = ahead.get_mut(&**sink) {
                *count += new;
            }
        }
        let would = ahead.iter();
        lines
            .extend(would.map(|(sink, letters)| {
                format!("would write {} to {sink}", of(*letters, "letter"))
            }));
    } else {
        let records: u64 = count.partitions.values().map(|found| found.records).sum();
        let (records, would) = (of(records, "event"), sinks.iter());
        lines.extend(would.map(|sink| format!("would write {records} to {sink}")));
    }
    lines.join("\n") + "\n"
}

fn partition_line(partition: u32, found: &PartitionCount) -> String {
    let (records, bytes) = (of(found.records, "record"), of(found.bytes, "byte"));
    let times = match (found.first, found.last) {
        (Some(first), Some(last)) => format!(", {bytes}, of {first} to {last}"),
        _ => String::new(),
    };
    let left_out = match found.left_out {
        0 => String::new(),
        left_out => format!("; {} left out", of(left_out, "record")),
    };
    format!("  partition {partition}: {records}{times}{left_out}")
}

/// `1 letter`, `2 letters`.
fn of(count: u64, one: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {one}{plural}")
}
