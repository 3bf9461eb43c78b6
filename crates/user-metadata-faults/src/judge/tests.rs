//! Each kind of problem is found, and none in a good run.

use super::*;
use crate::sample::{Events, Sample};
use crate::stage::Notes;

const JOINS: u32 = 40;
const USERS: u32 = 2;

/// Join number `turn`, of one every 10 ms, answered after 2 ms.
fn join(start: Instant, turn: u32) -> TimedJoin {
    let due = start + Duration::from_millis(10) * turn;
    TimedJoin {
        user_id: format!("user-{}", turn % USERS),
        number: turn / USERS,
        is_large: false,
        due,
        answered: due + Duration::from_millis(2),
        reply: Ok(format!("id-{turn}")),
    }
}

fn record(turn: u32) -> Record {
    Record {
        partition: u64::from(turn % USERS),
        id: format!("id-{turn}"),
        user_id: format!("user-{}", turn % USERS),
        number: turn / USERS,
    }
}

/// A run of a fault that needs not be noticed.
fn seen() -> Seen {
    let start = Instant::now();
    let at = |turn: u32| start + Duration::from_millis(10) * turn;
    let sample = |turn: u32| Sample {
        events: events(u64::from(turn)),
        memory_bytes: 40 << 20,
        ..Sample::default()
    };
    Seen {
        fault: Fault::LeaderMoves,
        brokers: 3,
        joins: (0..JOINS).map(|turn| join(start, turn)).collect(),
        control: (0..JOINS).map(|turn| join(start, turn)).collect(),
        complaints: Vec::new(),
        soon: Duration::from_millis(50),
        healthy: (at(0), at(20)),
        faulty: (at(20), at(JOINS)),
        samples: (0..JOINS)
            .map(|turn| (at(turn), Ok(sample(turn))))
            .collect(),
        events: events(u64::from(JOINS)),
        exit_code: Some(0),
        partitions: Some(3),
        records: (0..JOINS).map(record).collect(),
        stored: (0..JOINS).map(|turn| format!("id-{turn}")).collect(),
        notes: Notes::default(),
    }
}

fn events(all: u64) -> Events {
    Events {
        accepted: all,
        published: all,
        ..Events::default()
    }
}

/// The problems after `change`.
fn wrong(change: impl FnOnce(&mut Seen)) -> String {
    let mut seen = seen();
    change(&mut seen);
    match judge(&seen).verdict {
        Verdict::NotOk(problems) => problems.join("; "),
        _ => String::new(),
    }
}

/// Asserts that `change` is found, with these words.
#[track_caller]
fn assert_found(words: &str, change: impl FnOnce(&mut Seen)) {
    let wrong = wrong(change);
    assert!(wrong.contains(words), "{words:?} is not in {wrong:?}");
}

fn sample(seen: &mut Seen) -> &mut Sample {
    match &mut seen.samples[30].1 {
        Ok(sample) => sample,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn nothing_is_found_where_all_is_well() {
    assert_eq!(wrong(|_| {}), "");
    // A batch that was sent twice.
    assert_eq!(wrong(|seen| seen.records.push(record(7))), "");
}

#[test]
fn joins_that_fail_or_wait_are_found_unless_the_machine_is_slow() {
    assert_found("1 joins failed", |seen| {
        seen.joins[30].reply = Err("timed out".to_owned());
    });
    let slow = |joins: &mut [TimedJoin]| {
        joins[30].answered += Duration::from_secs(1);
    };
    assert_found("p99 of joins", |seen| slow(&mut seen.joins));
    assert_eq!(
        wrong(|seen| {
            slow(&mut seen.joins);
            slow(&mut seen.control);
        }),
        ""
    );
}

#[test]
fn an_account_that_does_not_add_up_at_some_moment_is_found() {
    assert_found("does not add up", |seen| sample(seen).events.published -= 1);
    assert_found("at the end", |seen| seen.events.pending = 1);
    assert_found("39 events accepted", |seen| seen.events = events(39));
    assert_found("1 others", |seen| {
        seen.events.published -= 1;
        seen.events.dropped += 1;
    });
}

#[test]
fn memory_that_grows_without_reason_is_found() {
    let grow = |seen: &mut Seen| sample(seen).memory_bytes = 90 << 20;
    assert_found("40 MiB grew to 90 MiB", grow);
    assert_eq!(
        wrong(|seen| {
            grow(seen);
            sample(seen).outbox_bytes = 20 << 20;
        }),
        ""
    );
}

#[test]
fn events_that_are_lost_swapped_moved_or_foreign_are_found() {
    assert_found("1 events are not in the topic", |seen| {
        seen.records.remove(7);
        seen.stored.remove(7);
    });
    assert_found("2 events are out of order", |seen| {
        seen.records.swap(4, 6);
        seen.records.swap(9, 11);
    });
    assert_found("1 users are in several partitions", |seen| {
        seen.records[39].partition = 2;
    });
    assert_found("belongs to no join", |seen| seen.records[39].number = 1000);
}

#[test]
fn rows_that_are_missing_or_too_many_are_found() {
    assert_found("39 rows for 40 events", |seen| drop(seen.stored.pop()));
    assert_found("41 rows for 40 events", |seen| {
        seen.stored.push("id-0".to_owned());
    });
}

#[test]
fn a_fault_that_did_not_bite_is_found() {
    assert_found("never reported that it was degraded", |seen| {
        seen.fault = Fault::QuorumLost;
    });
    assert_found("Some(3) partitions", |seen| {
        seen.fault = Fault::PartitionsAdded
    });
    assert_found("dropped: 0 too large", |seen| seen.fault = Fault::TooLarge);
    assert_found("nothing was recovered", |seen| {
        seen.fault = Fault::ServerKilled
    });
    assert_found("0 logins were refused", |seen| {
        seen.fault = Fault::Credentials
    });
    assert_found("100 logins were refused", |seen| {
        seen.fault = Fault::Credentials;
        seen.notes.refused = 100;
    });
}

#[test]
fn what_was_promised_before_ws_server_was_killed_must_arrive() {
    let kill = |seen: &mut Seen, lost: usize| {
        seen.fault = Fault::ServerKilled;
        seen.events.recovered = 5;
        seen.events.accepted -= 5;
        sample(seen).is_degraded = true;
        seen.notes.server_away = Some((seen.joins[30].due, seen.joins[35].due));
        seen.records.remove(lost);
        seen.stored.remove(lost);
    };
    assert_eq!(wrong(|seen| kill(seen, 29)), "", "not yet on disk");
    assert_found("1 events are not in the topic", |seen| kill(seen, 10));
}
