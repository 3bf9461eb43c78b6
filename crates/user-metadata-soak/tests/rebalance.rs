//! Members that join, leave and are killed while many events are read lose none and store none
//! twice. A debug build is slow: `USER_METADATA_SOAK_EVENTS=1000000` sets a million events, which is
//! what `cargo xtask soak` runs in a release build.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use user_metadata_soak::{Options, Protocol, run};
use user_metadata_testing::require;

fn check(protocol: Protocol) {
    let events = std::env::var("USER_METADATA_SOAK_EVENTS");
    let events = events.map_or(EVENTS, |events| events.parse().unwrap());
    let options = Options {
        events,
        protocol,
        ..Options::default()
    };
    let report = require!(run(&options));
    println!("{report}");
    assert!(report.is_good(), "{report}");
    assert_eq!((report.joined, report.killed), (6, 2), "{report}");
}

const EVENTS: u64 = 100_000;

#[test]
fn a_group_that_changes_all_the_time_stores_every_event_once() {
    check(Protocol::Classic);
}

#[test]
fn a_group_with_assignments_by_the_broker_does_so_too() {
    check(Protocol::Consumer);
}
