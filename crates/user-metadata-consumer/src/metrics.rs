use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

use crate::pipeline::{Lags, LetterCause, LossCause};
use crate::status::age;

const LAG_RECORDS: &str = "user_metadata_consumer_lag_records";
const LAG_SECONDS: &str = "user_metadata_consumer_lag_seconds";
const PARTITION_LAG_SECONDS: &str = "user_metadata_consumer_partition_lag_seconds";
const LOST: &str = "user_metadata_consumer_lost_total";
const TOMBSTONES: &str = "user_metadata_consumer_tombstones_total";
const WRITTEN: &str = "user_metadata_sink_written_total";
const RETRIES: &str = "user_metadata_sink_retries_total";
const DEAD_LETTERED: &str = "user_metadata_sink_dead_lettered_total";
const WRITE_SECONDS: &str = "user_metadata_sink_write_seconds";
const END_TO_END: &str = "user_metadata_end_to_end_seconds";

/// The metrics of one sink. The handles belong to the recorder that is installed when the consumer
/// is built.
pub(crate) struct SinkMetrics {
    sink: Arc<str>,
    /// Per partition that this member has ever owned, the lag in records and in seconds.
    partition_lags: BTreeMap<u32, [Gauge; 2]>,
    lag_seconds: Gauge,
    lost: [Counter; LossCause::ALL.len()],
    tombstones: Counter,
    written: Counter,
    retries: Counter,
    dead_lettered: [Counter; LetterCause::ALL.len()],
    write_seconds: Histogram,
    end_to_end: Histogram,
}

impl SinkMetrics {
    pub(crate) fn new(sink: &Arc<str>) -> Self {
        describe();
        let name = || Arc::clone(sink);
        Self {
            partition_lags: BTreeMap::new(),
            lag_seconds: gauge!(LAG_SECONDS, "sink" => name()),
            lost: LossCause::ALL
                .map(|cause| counter!(LOST, "sink" => name(), "reason" => cause.as_str())),
            tombstones: counter!(TOMBSTONES, "sink" => name()),
            written: counter!(WRITTEN, "sink" => name()),
            retries: counter!(RETRIES, "sink" => name()),
            dead_lettered: LetterCause::ALL
                .map(|cause| counter!(DEAD_LETTERED, "sink" => name(), "reason" => cause.as_str())),
            write_seconds: histogram!(WRITE_SECONDS, "sink" => name()),
            end_to_end: histogram!(END_TO_END, "sink" => name()),
            sink: name(),
        }
    }

    /// Sets the lag of every partition; it is 0 for those that belong to another member now.
    pub(crate) fn lag(&mut self, lags: &Lags) {
        for gauge in self.partition_lags.values().flatten() {
            gauge.set(0.0);
        }
        let sink = &self.sink;
        for (partition, lag) in lags.iter() {
            let gauges = || {
                [LAG_RECORDS, PARTITION_LAG_SECONDS].map(|name| {
                    let partition = partition.to_string();
                    gauge!(name, "sink" => Arc::clone(sink), "partition" => partition)
                })
            };
            let [records, seconds] = self.partition_lags.entry(partition).or_insert_with(gauges);
            records.set(lag.records as f64);
            seconds.set(age(lag.oldest));
        }
        self.lag_seconds.set(age(lags.oldest()));
    }

    pub(crate) fn lost(&self, cause: LossCause, records: u64) {
        self.lost[cause as usize].increment(records);
    }

    pub(crate) fn tombstones(&self, records: u64) {
        self.tombstones.increment(records);
    }

    pub(crate) fn written(&self, events: u64) {
        self.written.increment(events);
    }

    pub(crate) fn retried(&self) {
        self.retries.increment(1);
    }

    pub(crate) fn dead_lettered(&self, cause: LetterCause) {
        self.dead_lettered[cause as usize].increment(1);
    }

    pub(crate) fn write_time(&self, elapsed: Duration) {
        self.write_seconds.record(elapsed);
    }

    pub(crate) fn end_to_end(&self, elapsed: Duration) {
        self.end_to_end.record(elapsed);
    }
}

fn describe() {
    describe_gauge!(
        LAG_RECORDS,
        "Records of the partition that the sink has not committed yet"
    );
    describe_gauge!(
        LAG_SECONDS,
        Unit::Seconds,
        "Age of the oldest record that is not stored yet"
    );
    describe_gauge!(
        PARTITION_LAG_SECONDS,
        Unit::Seconds,
        "Age of the oldest record of the partition that is not stored yet"
    );
    describe_counter!(LOST, "Records that were gone before the sink read them");
    describe_counter!(TOMBSTONES, "Records without a value, which are skipped");
    describe_counter!(WRITTEN, "Events that the sink has stored");
    describe_counter!(RETRIES, "Batches that were written again");
    describe_counter!(DEAD_LETTERED, "Records sent to the dead-letter topic");
    describe_histogram!(
        WRITE_SECONDS,
        Unit::Seconds,
        "How long the sink took for a batch"
    );
    describe_histogram!(END_TO_END, Unit::Seconds, "From the join to the sink");
}
