//! The metrics of this crate, made once; on the hot path a metric is an atomic addition.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram,
};

const CONNECTIONS: &str = "user_metadata_connections";
const CONNECTIONS_TOTAL: &str = "user_metadata_connections_total";
const REFUSED_TOTAL: &str = "user_metadata_connections_refused_total";
const CLOSED_TOTAL: &str = "user_metadata_connections_closed_total";
const JOINS_TOTAL: &str = "user_metadata_joins_total";
const JOIN_SECONDS: &str = "user_metadata_join_seconds";

/// Why connections are not upgraded: each exists from the start, so that an increase from 0 shows.
const REFUSALS: [&str; 7] = [
    "handshake",
    "origin",
    "max_connections",
    "max_connections_per_ip",
    "draining",
    "no_request",
    "accept_error",
];

pub(crate) struct Metrics {
    pub(crate) connections: Gauge,
    pub(crate) connections_total: Counter,
    pub(crate) joined: Counter,
    pub(crate) join_invalid: Counter,
    pub(crate) join_repeated: Counter,
    pub(crate) join_timeout: Counter,
    /// From the arrival of the join until the reply is handed to the socket.
    pub(crate) join_seconds: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        describe_gauge!(
            CONNECTIONS,
            Unit::Count,
            "Upgraded connections that are open"
        );
        describe_counter!(CONNECTIONS_TOTAL, Unit::Count, "Upgraded connections");
        describe_counter!(
            REFUSED_TOTAL,
            Unit::Count,
            "Connections that were not upgraded, by reason"
        );
        describe_counter!(
            CLOSED_TOTAL,
            Unit::Count,
            "Upgraded connections that ended, by reason"
        );
        describe_counter!(JOINS_TOTAL, Unit::Count, "Joins by outcome");
        describe_histogram!(
            JOIN_SECONDS,
            Unit::Seconds,
            "From a join's arrival to its reply"
        );
        for reason in REFUSALS {
            counter!(REFUSED_TOTAL, "reason" => reason).increment(0);
        }
        Self {
            connections: gauge!(CONNECTIONS),
            connections_total: counter!(CONNECTIONS_TOTAL),
            joined: counter!(JOINS_TOTAL, "outcome" => "joined"),
            join_invalid: counter!(JOINS_TOTAL, "outcome" => "invalid"),
            join_repeated: counter!(JOINS_TOTAL, "outcome" => "already_joined"),
            join_timeout: counter!(JOINS_TOTAL, "outcome" => "timeout"),
            join_seconds: histogram!(JOIN_SECONDS),
        }
    }
}

/// Counts a connection that was not upgraded.
pub(crate) fn refused(reason: &'static str) {
    counter!(REFUSED_TOTAL, "reason" => reason).increment(1);
}

/// Counts an upgraded connection that ended.
pub(crate) fn closed(reason: &'static str) {
    counter!(CLOSED_TOTAL, "reason" => reason).increment(1);
}
