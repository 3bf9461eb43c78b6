//! The metrics of this crate.

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};
use user_metadata_ua::CacheStats;

/// What became of client hints, by outcome.
#[derive(Clone)]
pub(crate) struct HintMetrics {
    /// They completed or corrected the User-Agent.
    pub(crate) used: Counter,
    /// They contradicted the User-Agent and were ignored.
    pub(crate) contradicted: Counter,
}

impl HintMetrics {
    pub(crate) fn new() -> Self {
        const NAME: &str = "user_metadata_client_hints_total";
        describe_counter!(
            NAME,
            Unit::Count,
            "Joins with client hints, by what became of the hints"
        );
        Self {
            used: counter!(NAME, "outcome" => "used"),
            contradicted: counter!(NAME, "outcome" => "contradicted"),
        }
    }
}

/// The cache in front of the User-Agent parser. Its hit rate is `hits / (hits + misses)`.
#[derive(Clone)]
pub(crate) struct CacheMetrics {
    hits: Counter,
    misses: Counter,
    entries: Gauge,
    bytes: Gauge,
}

impl CacheMetrics {
    pub(crate) fn new() -> Self {
        const HITS: &str = "user_metadata_ua_cache_hits_total";
        const MISSES: &str = "user_metadata_ua_cache_misses_total";
        const ENTRIES: &str = "user_metadata_ua_cache_entries";
        const BYTES: &str = "user_metadata_ua_cache_bytes";
        describe_counter!(
            HITS,
            Unit::Count,
            "User-Agents whose description was in the parser's cache"
        );
        describe_counter!(
            MISSES,
            Unit::Count,
            "User-Agents that had to be parsed: not in the parser's cache"
        );
        describe_gauge!(ENTRIES, Unit::Count, "Descriptions in the parser's cache");
        describe_gauge!(BYTES, Unit::Bytes, "Size of the parser's cache");
        Self {
            hits: counter!(HITS),
            misses: counter!(MISSES),
            entries: gauge!(ENTRIES),
            bytes: gauge!(BYTES),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a gauge, far below 2^53")]
    pub(crate) fn record(&self, stats: CacheStats) {
        self.hits.absolute(stats.hits);
        self.misses.absolute(stats.misses);
        self.entries.set(stats.entries as f64);
        self.bytes.set(stats.bytes as f64);
    }
}
