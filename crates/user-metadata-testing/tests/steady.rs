//! Joins at a steady rate come at that rate.
#![cfg(feature = "load")]
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use user_metadata_testing::load::{SteadyJoins, TimedJoin};
use user_metadata_testing::process::WsServer;
use user_metadata_testing::{Scratch, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_come_again_and_again_and_each_join_has_its_number() {
    let scratch = Scratch::new("steady");
    let server = WsServer::start(&["--data-dir", &scratch.file("data")]);
    let load = SteadyJoins {
        address: server.listen().address(),
        per_second: 100,
        users: 7,
        large_every: 10,
    };
    let load = load.begin();
    tokio::task::block_in_place(|| {
        until("50 joins", Duration::from_secs(20), || {
            let status = server.admin("/metrics").body;
            let accepted = status
                .lines()
                .find_map(|line| line.strip_prefix("user_metadata_events_accepted_total "))?;
            (accepted.parse::<f64>().unwrap() >= 50.0).then_some(())
        });
    });
    let joins = load.stop().await;
    assert!(joins.len() >= 50);
    let names: BTreeSet<_> = joins
        .iter()
        .map(|join| (&join.user_id, join.number))
        .collect();
    assert_eq!(names.len(), joins.len(), "no number is given twice");
    let mut due: Vec<_> = joins.iter().map(|join| join.due).collect();
    due.sort_unstable();
    let took = *due.last().unwrap() - due[0];
    assert_eq!(took, Duration::from_millis(10) * (due.len() as u32 - 1));
    let failed: Vec<&TimedJoin> = joins.iter().filter(|join| join.reply.is_err()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(
        joins.iter().filter(|join| join.is_large).count(),
        joins.len() / 10
    );
}
