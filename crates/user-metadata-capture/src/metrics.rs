//! The metrics of this crate.

use metrics::{Counter, Unit, counter, describe_counter};

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
