//! Checks that all promises were kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use user_metadata_testing::load::{TimedJoin, percentile};

use crate::fault::Fault;
use crate::run::Seen;
use crate::table::{Figures, Row, Verdict};
use crate::topic::{Record, distinct};

/// How much the memory of ws-server may grow in addition to pending events: buffers, and what the
/// allocator keeps.
const MEMORY_SLACK: u64 = 24 << 20;

/// One warning per incident; a fault is a few incidents at most.
const COMPLAINTS: usize = 10;

/// After a refused login the next is at least 15 s later, except for those already in flight.
const REFUSED: usize = 5;

/// `joined` promises that the event is on disk 5 ms later; the rest is for the reply to reach the
/// client, and for the signal to reach the server.
const ON_DISK: Duration = Duration::from_millis(50);

pub(crate) fn judge(seen: &Seen) -> Row {
    let mut problems = Vec::new();
    problems.extend(joins(seen));
    problems.extend(samples(seen));
    problems.extend(account(seen));
    problems.extend(losses(seen));
    problems.extend(order(seen));
    problems.extend(rows(seen));
    problems.extend(fault_itself(seen));
    let figures = Figures {
        joins: seen.joins.len(),
        healthy_p99: p99(seen, seen.healthy),
        faulty_p99: p99(seen, seen.faulty),
        events: seen.events.clone(),
        duplicates: seen.records.len() - distinct(&seen.records).len(),
    };
    let verdict = if problems.is_empty() {
        Verdict::Ok
    } else {
        Verdict::NotOk(problems)
    };
    Row {
        fault: seen.fault,
        brokers: seen.brokers,
        figures: Some(figures),
        verdict,
    }
}

/// Whether a join could not be answered, as ws-server was killed or starting at the time.
fn is_excused(seen: &Seen, join: &TimedJoin) -> bool {
    let away = seen.notes.server_away;
    away.is_some_and(|(killed, back)| join.due <= back && join.answered >= killed)
}

/// Every join is answered, and none is delayed.
fn joins(seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let failures = seen.joins.iter().filter(|join| !is_excused(seen, join));
    let failures: Vec<&String> = failures
        .filter_map(|join| join.reply.as_ref().err())
        .collect();
    if let Some(first) = failures.first() {
        problems.push(format!("{} joins failed, e.g. {first}", failures.len()));
    }
    let (healthy, faulty) = (p99(seen, seen.healthy), p99(seen, seen.faulty));
    let control = p99_of(&seen.control, seen, seen.faulty);
    if faulty >= seen.soon && faulty > 2 * healthy.max(control) {
        problems.push(format!(
            "p99 of joins was {faulty:?}, {healthy:?} before the fault, {control:?} without Kafka"
        ));
    }
    problems
}

fn p99(seen: &Seen, phase: (Instant, Instant)) -> Duration {
    p99_of(&seen.joins, seen, phase)
}

fn p99_of(joins: &[TimedJoin], seen: &Seen, (from, to): (Instant, Instant)) -> Duration {
    let joins = joins.iter().filter(|join| !is_excused(seen, join));
    let joins = joins.filter(|join| (from..to).contains(&join.due));
    let mut latencies: Vec<Duration> = joins.map(TimedJoin::latency).collect();
    latencies.sort_unstable();
    percentile(&latencies, 99)
}

/// The accounting adds up at all times, and memory grows only with pending events.
fn samples(seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let good = || {
        let samples = seen.samples.iter();
        samples.filter_map(|(at, sample)| Some((*at, sample.as_ref().ok()?)))
    };
    let blind = seen.samples.iter().filter(|(at, sample)| {
        let away = seen.notes.server_away;
        sample.is_err() && !away.is_some_and(|(killed, back)| (killed..=back).contains(at))
    });
    let blind = blind.count();
    if blind > 0 || good().count() < 10 {
        let good = good().count();
        problems.push(format!(
            "/status answered {good} times and failed {blind} times"
        ));
    }
    if let Some((_, sample)) = good().find(|(_, sample)| !sample.events.add_up()) {
        problems.push(format!("does not add up: {:?}", sample.events));
    }
    let before = good().take_while(|(at, _)| *at < seen.healthy.1);
    let before = before.map(|(_, sample)| sample.memory_bytes).max();
    let before = before.unwrap_or_default();
    // Not all memory is returned to the system.
    let mut waiting = 0;
    let grown = good().find(|(_, sample)| {
        waiting = waiting.max(sample.outbox_bytes);
        sample.memory_bytes > before + MEMORY_SLACK + 2 * waiting
    });
    if let Some((_, sample)) = grown {
        let (before, now) = (before >> 20, sample.memory_bytes >> 20);
        let waiting = waiting >> 10;
        problems.push(format!(
            "memory: {before} MiB grew to {now} MiB for {waiting} KiB of pending events"
        ));
    }
    problems
}

/// At the end nothing is pending, and nothing is lost that could have been kept.
fn account(seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let events = &seen.events;
    if !events.add_up() || events.pending > 0 {
        problems.push(format!("at the end: {events:?}"));
    }
    let answered = seen.joins.iter().filter(|join| join.reply.is_ok()).count() as u64;
    let is_killed = seen.fault == Fault::ServerKilled;
    let has_failures = seen.joins.iter().any(|join| join.reply.is_err());
    if !is_killed && !has_failures && events.accepted != answered {
        problems.push(format!(
            "{answered} joins, {} events accepted",
            events.accepted
        ));
    }
    if is_killed && events.recovered == 0 {
        problems.push("nothing was recovered".to_owned());
    }
    let lost_for_others = events.dropped - events.too_large;
    if lost_for_others > 0 || (events.too_large > 0) != (seen.fault == Fault::TooLarge) {
        problems.push(format!(
            "dropped: {} too large, {lost_for_others} others",
            events.too_large
        ));
    }
    if let Some(last) = seen.complaints.get(COMPLAINTS) {
        let complaints = seen.complaints.len();
        problems.push(format!(
            "{complaints} warnings and errors in the log, e.g. {last}"
        ));
    }
    if seen.exit_code != Some(0) {
        problems.push(format!("ws-server ended with {:?}", seen.exit_code));
    }
    problems
}

/// Every answered join is in the topic, unless it was counted as dropped, and nothing else is.
fn losses(seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let there = distinct(&seen.records);
    let is_lost = |join: &&TimedJoin| {
        let id = join.reply.as_deref().unwrap_or_default();
        let was_just_killed = seen.notes.server_away.is_some_and(|(killed, back)| {
            join.answered + ON_DISK > killed && join.answered <= back
        });
        !id.is_empty()
            && !there.contains(id)
            && !seen.notes.gone_with_topic.contains(id)
            && !was_just_killed
    };
    let lost: Vec<&TimedJoin> = seen.joins.iter().filter(is_lost).collect();
    if lost.len() as u64 != seen.events.dropped {
        let first = lost.first().map(|join| &join.reply);
        let (lost, dropped) = (lost.len(), seen.events.dropped);
        problems.push(format!(
            "{lost} events are not in the topic, {dropped} were dropped: {first:?}"
        ));
    }
    let small = lost.iter().filter(|join| !join.is_large).count();
    if seen.fault == Fault::TooLarge && small > 0 {
        problems.push(format!("{small} events are lost that were not too large"));
    }
    let known = joins_by_name(seen);
    let foreign = |record: &&Record| !known.contains_key(&(record.user_id.as_str(), record.number));
    if let Some(record) = seen.records.iter().find(foreign) {
        problems.push(format!("{record:?} belongs to no join"));
    }
    problems
}

fn joins_by_name(seen: &Seen) -> BTreeMap<(&str, u32), &TimedJoin> {
    let joins = seen.joins.iter();
    let joins = joins.map(|join| ((join.user_id.as_str(), join.number), join));
    joins.collect()
}

/// The events of a user are in one partition, in the order of the joins. Joins that overlapped have
/// no order; later copies of an event don't count.
fn order(seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let known = joins_by_name(seen);
    let mut ids = BTreeSet::new();
    let mut last_due: BTreeMap<(u64, &str), Instant> = BTreeMap::new();
    let mut homes: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    let (mut swapped, mut first) = (0, None);
    for record in &seen.records {
        let user = record.user_id.as_str();
        homes.entry(user).or_default().insert(record.partition);
        let Some(join) = known.get(&(user, record.number)) else {
            continue;
        };
        if join.reply.is_err() || !ids.insert(&record.id) {
            continue;
        }
        let last = last_due.entry((record.partition, user)).or_insert(join.due);
        if join.answered < *last {
            swapped += 1;
            first.get_or_insert(record);
        }
        *last = join.due.max(*last);
    }
    if swapped > 0 {
        problems.push(format!("{swapped} events are out of order, e.g. {first:?}"));
    }
    let moved = homes
        .values()
        .filter(|partitions| partitions.len() > 1)
        .count();
    if seen.fault != Fault::PartitionsAdded && moved > 0 {
        problems.push(format!("{moved} users are in several partitions"));
    }
    problems
}

/// The sink has stored each event of the topic once.
fn rows(seen: &Seen) -> Vec<String> {
    let there = distinct(&seen.records);
    let rows: BTreeSet<&str> = seen.stored.iter().map(String::as_str).collect();
    if rows == there && rows.len() == seen.stored.len() {
        return Vec::new();
    }
    let (rows, events) = (seen.stored.len(), there.len());
    vec![format!("{rows} rows for {events} events in the topic")]
}

/// A fault without effect proves nothing.
fn fault_itself(seen: &Seen) -> Vec<String> {
    let mut problems = Vec::new();
    let mut states = seen
        .samples
        .iter()
        .filter_map(|(_, sample)| sample.as_ref().ok());
    if seen.fault.degrades(seen.brokers) && !states.any(|sample| sample.is_degraded) {
        problems.push("ws-server never reported that it was degraded".to_owned());
    }
    let is_larger = seen.fault == Fault::PartitionsAdded;
    let expected = if is_larger { 6 } else { 3 };
    if seen.partitions != Some(expected) {
        problems.push(format!(
            "the topic has {:?} partitions at the end",
            seen.partitions
        ));
    }
    if seen.fault == Fault::Credentials {
        let refused = seen.notes.refused;
        if !(1..=REFUSED).contains(&refused) {
            problems.push(format!("{refused} logins were refused"));
        }
    }
    if seen.fault == Fault::TopicRecreated {
        let there = distinct(&seen.records);
        let gone = seen.notes.gone_with_topic.iter();
        if gone.filter(|id| !there.contains(id.as_str())).count() == 0 {
            problems.push("nothing was in the old topic".to_owned());
        }
    }
    problems
}

#[cfg(test)]
mod tests;
