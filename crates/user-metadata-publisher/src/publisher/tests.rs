use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use proptest::{collection::vec, prelude::*};
use tokio::time::{Instant, sleep, timeout};
use tracing::Level;

use super::*;
use crate::testing::{Fault, Lines, Memory, event};

/// Runs on a clock that jumps to the next timer whenever all tasks wait.
fn on_paused_clock<F: Future>(test: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test)
}

fn assert_adds_up(a: &Accounting) {
    assert_eq!(
        a.accepted + a.recovered,
        a.published + a.pending + a.dropped.total(),
        "{a:?}"
    );
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[derive(Debug, Clone)]
enum Step {
    Publish(String),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let user = prop_oneof![20 => "user-[0-7]", 1 => "poison-[ab]", 1 => "huge-[ab]"];
    prop_oneof![8 => user.prop_map(Step::Publish), 1 => (0_u64..200).prop_map(Step::Wait)]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => (0_u64..3_000).prop_map(Fault::Slow),
        2 => (0_u64..20_000).prop_map(Fault::Unavailable),
        2 => (0_u64..20_000).prop_map(Fault::AnswerLost),
        1 => (0_usize..5).prop_map(Fault::Partial),
    ]
}

#[derive(Debug, Clone)]
struct Scenario {
    steps: Vec<Step>,
    faults: Vec<Fault>,
    connect_failures: u32,
    max_records: usize,
    max_events: usize,
    /// When the caller gives up waiting for the task.
    patience_ms: u64,
}

fn scenario(faults: impl Strategy<Value = Fault>) -> impl Strategy<Value = Scenario> {
    let patience = prop_oneof![2 => Just(u64::MAX / 4), 1 => 0_u64..2_000, 1 => 0_u64..60_000];
    let limits = (0_u32..4, 1_usize..12, prop_oneof![1_usize..30, Just(1_000)]);
    (vec(step(), 0..120), vec(faults, 0..30), limits, patience).prop_map(
        |(steps, faults, (connect_failures, max_records, max_events), patience_ms)| Scenario {
            steps,
            faults,
            connect_failures,
            max_records,
            max_events,
            patience_ms,
        },
    )
}

/// The result of a scenario.
struct Outcome {
    /// The final counts, and whether the task ended by itself.
    accounting: Accounting,
    is_finished: bool,
    /// User and result of each call of publish, by the event's number.
    calls: Vec<(String, Result<(), PublishError>)>,
    memory: Memory,
}

async fn play(scenario: &Scenario) -> Outcome {
    let memory = Memory::new(scenario.faults.iter().copied());
    memory.topic().connect_failures = scenario.connect_failures;
    memory.topic().max_records = scenario.max_records;
    let options = PublisherOptions {
        max_events: scenario.max_events,
        ..Default::default()
    };
    let (publisher, task) = Publisher::new(memory.clone(), options);
    let outbox = Arc::clone(&publisher.monitor().outbox);
    let task = tokio::spawn(timeout(ms(scenario.patience_ms), task.run()));
    let mut calls = Vec::new();
    for step in &scenario.steps {
        match step {
            Step::Publish(user) => {
                let result = publisher.publish(event(calls.len() as u64, user), None);
                calls.push((user.clone(), result));
            }
            Step::Wait(pause) => sleep(ms(*pause)).await,
        }
        assert_adds_up(&publisher.accounting());
    }
    drop(publisher);
    let end = task.await.unwrap();
    let accounting = outbox.accounting();
    if let Ok(returned) = end {
        assert_eq!(returned, accounting);
    }
    Outcome {
        accounting,
        is_finished: end.is_ok(),
        calls,
        memory,
    }
}

/// Compares the counts with what the callers and the topic have seen.
fn check(outcome: &Outcome) {
    let Outcome {
        accounting, calls, ..
    } = outcome;
    let topic = outcome.memory.topic();
    assert_adds_up(accounting);
    assert_eq!(accounting.accepted, calls.len() as u64);
    let refused = |wanted: fn(&PublishError) -> bool| {
        calls
            .iter()
            .filter(|(_, result)| result.as_ref().is_err_and(wanted))
            .count() as u64
    };
    let given_up = |reason| topic.refused.iter().filter(|(_, r)| *r == reason).count() as u64;
    let expected = [
        refused(|error| matches!(error, PublishError::QueueFull { .. })),
        given_up(DropReason::TooLarge),
        given_up(DropReason::Rejected),
        refused(|error| matches!(error, PublishError::Closed)),
        0,
    ];
    assert_eq!(
        accounting
            .dropped
            .iter()
            .map(|(_, n)| n)
            .collect::<Vec<_>>(),
        expected
    );

    let mut acknowledged = topic.acknowledged.clone();
    acknowledged.sort_unstable();
    acknowledged.dedup();
    assert_eq!(
        acknowledged.len(),
        topic.acknowledged.len(),
        "an event was acknowledged twice"
    );
    assert_eq!(accounting.published, acknowledged.len() as u64);
    for stored in topic.stored.values().flatten() {
        assert_eq!(
            calls[usize::try_from(*stored).unwrap()].1,
            Ok(()),
            "a refused event is stored"
        );
    }
    if outcome.is_finished {
        assert_eq!(accounting.pending, 0);
    }
}

/// Every user's events are in one partition, and come first in the order of their joins.
fn check_order(outcome: &Outcome) {
    let mut partition_of = BTreeMap::new();
    for (partition, stored) in &outcome.memory.topic().stored {
        let mut newest = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::new();
        for number in stored.iter().filter(|number| seen.insert(**number)) {
            let user = &outcome.calls[usize::try_from(*number).unwrap()].0;
            assert_eq!(partition_of.entry(user).or_insert(partition), &partition);
            assert!(
                newest
                    .insert(user, number)
                    .is_none_or(|before| before < number)
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_counts_add_up_and_the_order_holds_whatever_fails_and_whenever_it_ends(
        scenario in scenario(fault()),
    ) {
        let outcome = on_paused_clock(play(&scenario));
        check(&outcome);
        check_order(&outcome);
    }

    #[test]
    fn the_counts_add_up_while_the_number_of_partitions_changes(
        scenario in scenario(prop_oneof![fault(), (1_u32..6).prop_map(Fault::Partitions)]),
    ) {
        check(&on_paused_clock(play(&scenario)));
    }
}

#[test]
fn a_full_outbox_is_an_error_not_a_wait_and_accepts_events_again_later() {
    on_paused_clock(async {
        let memory = Memory::new([Fault::Unavailable(0)]);
        let options = PublisherOptions {
            max_events: 2,
            ..Default::default()
        };
        let (publisher, task) = Publisher::new(memory, options);
        let task = tokio::spawn(task.run());
        assert_eq!(publisher.publish(event(0, "a"), None), Ok(()));
        assert_eq!(publisher.publish(event(1, "a"), None), Ok(()));
        let refused = publisher.publish(event(2, "a"), None);
        assert!(matches!(
            refused,
            Err(PublishError::QueueFull { events: 2, .. })
        ));
        assert_eq!(publisher.accounting().dropped.get(DropReason::QueueFull), 1);
        while publisher.accounting().pending > 0 {
            sleep(ms(1)).await;
        }
        assert_eq!(publisher.publish(event(3, "a"), None), Ok(()));
        drop(publisher);
        assert_eq!(task.await.unwrap().published, 3);
    });
}

#[test]
fn the_outbox_is_bounded_by_bytes_too() {
    let options = PublisherOptions {
        max_bytes: 20_000,
        ..Default::default()
    };
    let (publisher, _task) = Publisher::new(Memory::new([]), options);
    let taken = (0..1_000)
        .take_while(|n| publisher.publish(event(*n, "a"), None).is_ok())
        .count();
    assert!((15..30).contains(&taken), "{taken}");
    let full = publisher.publish(event(0, "a"), None).unwrap_err();
    assert!(
        matches!(full, PublishError::QueueFull { bytes, .. } if bytes <= 20_000),
        "{full}"
    );
}

#[test]
fn an_event_larger_than_readers_take_is_refused_and_counted() {
    let (publisher, _task) = Publisher::new(Memory::new([]), PublisherOptions::default());
    let mut event = event(0, "a");
    event.metadata.user_agent = Some("x".repeat(70_000));
    let refused = publisher.publish(event, None);
    assert!(matches!(
        refused,
        Err(PublishError::Encode(EncodeError::TooLarge { .. }))
    ));
    let accounting = publisher.accounting();
    assert_adds_up(&accounting);
    assert_eq!(accounting.dropped.get(DropReason::TooLarge), 1);
}

#[test]
fn a_task_that_is_dropped_closes_the_publisher_and_leaves_its_events_pending() {
    let (lines, _guard) = Lines::collect();
    let (publisher, task) = Publisher::new(Memory::new([]), PublisherOptions::default());
    publisher.publish(event(0, "a"), None).unwrap();
    drop(task);
    assert_eq!(
        publisher.publish(event(1, "a"), None),
        Err(PublishError::Closed)
    );
    let accounting = publisher.accounting();
    assert_adds_up(&accounting);
    assert_eq!(
        (
            accounting.pending,
            accounting.dropped.get(DropReason::Closed)
        ),
        (1, 1)
    );
    let errors = lines.of(Level::ERROR);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("events were not delivered in time and are lost events=1"));
    let PublisherStatus::Degraded { reason, .. } = publisher.status() else {
        panic!("{publisher:?}")
    };
    assert_eq!(reason, "the publisher has ended, new events are lost");
    let warnings = lines.of(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&reason), "{warnings:?}");
}

#[test]
fn the_task_ends_although_the_topic_is_away_when_nothing_is_pending() {
    let (lines, _guard) = Lines::collect();
    on_paused_clock(async {
        let memory = Memory::new([]);
        memory.topic().connect_failures = u32::MAX;
        let (publisher, task) = Publisher::new(memory, PublisherOptions::default());
        let task = tokio::spawn(task.run());
        sleep(ms(5_000)).await;
        drop(publisher);
        assert_eq!(
            timeout(ms(10), task).await.unwrap().unwrap(),
            Accounting::default()
        );
    });
    assert_eq!(lines.of(Level::WARN).len(), 1);
    assert_eq!(lines.of(Level::INFO), [""; 0], "it never was back");
}

#[test]
fn a_monitor_keeps_no_task_running_and_sees_the_final_counts() {
    on_paused_clock(async {
        let (publisher, task) = Publisher::new(Memory::new([]), PublisherOptions::default());
        let monitor = publisher.monitor();
        let task = tokio::spawn(task.run());
        publisher.publish(event(0, "a"), None).unwrap();
        drop(publisher);
        let account = timeout(ms(1_000), task).await.unwrap().unwrap();
        assert_eq!(monitor.accounting(), account);
        assert_eq!(account.published, 1);
        assert_eq!(monitor.status(), PublisherStatus::Healthy);
    });
}

#[test]
fn an_event_waits_for_others_for_the_linger_time_only() {
    on_paused_clock(async {
        let memory = Memory::new([]);
        let options = PublisherOptions {
            linger: ms(50),
            ..Default::default()
        };
        let (publisher, task) = Publisher::new(memory.clone(), options);
        tokio::spawn(task.run());
        let start = Instant::now();
        for n in 0..10 {
            publisher.publish(event(n, "a"), None).unwrap();
            sleep(ms(3)).await;
        }
        while publisher.accounting().published < 10 {
            sleep(ms(1)).await;
        }
        assert!(
            (ms(50)..ms(55)).contains(&start.elapsed()),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(memory.topic().batches, [10]);
    });
}

#[test]
fn a_full_batch_does_not_wait_for_the_linger_time() {
    on_paused_clock(async {
        let memory = Memory::new([]);
        let options = PublisherOptions {
            linger: ms(3_600_000),
            ..Default::default()
        };
        let (publisher, task) = Publisher::new(memory.clone(), options);
        tokio::spawn(task.run());
        let mut published = 0;
        while memory.topic().batches.is_empty() {
            for _ in 0..100 {
                publisher.publish(event(published, "a"), None).unwrap();
                published += 1;
            }
            tokio::task::yield_now().await;
        }
        let batches = memory.topic().batches.clone();
        assert!(
            batches[0] > 300 && published < 2_000,
            "{batches:?} of {published}"
        );
    });
}

#[test]
fn a_partition_that_fails_holds_up_no_other() {
    on_paused_clock(async {
        let users: Vec<_> = (0..20).map(|n| format!("user-{n}")).collect();
        let memory = Memory::new([Fault::Unavailable(60_000)]);
        let (publisher, task) = Publisher::new(memory.clone(), PublisherOptions::default());
        tokio::spawn(task.run());
        for (n, user) in (0..).zip(users.iter().cycle().take(60)) {
            publisher.publish(event(n, user), None).unwrap();
            sleep(ms(10)).await;
        }
        assert_eq!(
            memory.topic().stored.len(),
            2,
            "two of the three partitions"
        );
        assert!(matches!(publisher.status(), PublisherStatus::Healthy));
        let before = publisher.accounting();
        assert!(before.published > 20 && before.pending > 5, "{before:?}");
        sleep(ms(62_000)).await;
        assert_eq!(publisher.accounting().published, 60);
        assert_eq!(memory.topic().stored.len(), 3);
    });
}

#[test]
fn an_outage_is_one_warning_and_one_line_when_it_is_over() {
    let (lines, _guard) = Lines::collect();
    on_paused_clock(async {
        let memory = Memory::new(vec![Fault::Unavailable(100); 40]);
        memory.topic().connect_failures = 5;
        let (publisher, task) = Publisher::new(memory.clone(), PublisherOptions::default());
        assert_eq!(publisher.status(), PublisherStatus::Connecting);
        tokio::spawn(task.run());
        for n in 0..500 {
            publisher
                .publish(event(n, &format!("user-{n}")), None)
                .unwrap();
            sleep(ms(1)).await;
        }
        let PublisherStatus::Degraded { reason, .. } = publisher.status() else {
            panic!()
        };
        assert_eq!(reason, "connection refused");
        while publisher.accounting().pending > 0 {
            sleep(ms(10)).await;
        }
        sleep(ms(2_000)).await;
        assert_eq!(publisher.status(), PublisherStatus::Healthy);
    });
    // First the connection, then every partition: one incident.
    let warnings = lines.of(Level::WARN);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0]
            .ends_with(r#"events don't get through; joins go on reason="connection refused""#)
    );
    let over: Vec<_> = lines
        .of(Level::INFO)
        .into_iter()
        .filter(|line| line.contains("again"))
        .collect();
    assert_eq!(over.len(), 1, "{over:?}");
    assert!(
        over[0].contains("events get through again; 500 had waited"),
        "{over:?}"
    );
    assert_eq!(lines.of(Level::ERROR), Vec::<String>::new());
}

#[test]
fn a_topic_that_does_not_answer_is_noticed_before_the_deadline_of_the_request() {
    let (lines, _guard) = Lines::collect();
    on_paused_clock(async {
        let memory = Memory::new([Fault::Slow(20_000)]);
        let (publisher, task) = Publisher::new(memory, PublisherOptions::default());
        tokio::spawn(task.run());
        publisher.publish(event(0, "a"), None).unwrap();
        sleep(ms(4_000)).await;
        assert_eq!(publisher.status(), PublisherStatus::Healthy);
        sleep(ms(3_000)).await;
        let PublisherStatus::Degraded { reason, .. } = publisher.status() else {
            panic!()
        };
        assert!(
            reason.starts_with("the oldest event has waited for"),
            "{reason}"
        );
        sleep(ms(16_000)).await;
        assert_eq!(publisher.status(), PublisherStatus::Healthy);
    });
    assert_eq!(lines.of(Level::WARN).len(), 1);
}

#[test]
fn old_events_are_no_trouble_while_they_are_delivered() {
    let (lines, _guard) = Lines::collect();
    on_paused_clock(async {
        let memory = Memory::new([Fault::Slow(4_000), Fault::Slow(4_000)]);
        let (publisher, task) = Publisher::new(memory.clone(), PublisherOptions::default());
        let task = tokio::spawn(task.run());
        publisher.publish(event(0, "a"), None).unwrap();
        sleep(ms(1_000)).await;
        publisher.publish(event(1, "a"), None).unwrap();
        sleep(ms(6_500)).await;
        assert_eq!(publisher.accounting().pending, 1, "for more than 5 s");
        assert_eq!(publisher.status(), PublisherStatus::Healthy);
        drop(publisher);
        task.await.unwrap();
        assert_eq!(memory.topic().acknowledged, [0, 1]);
    });
    assert!(lines.of(Level::WARN).is_empty());
}

#[test]
fn lost_events_are_an_error_with_their_count_and_change_the_status() {
    let (lines, _guard) = Lines::collect();
    on_paused_clock(async {
        let memory = Memory::new([Fault::Slow(30_000)]);
        let options = PublisherOptions {
            max_events: 10,
            ..Default::default()
        };
        let (publisher, task) = Publisher::new(memory, options);
        let task = tokio::spawn(task.run());
        sleep(ms(500)).await;
        for n in 0..25 {
            drop(publisher.publish(event(n, "a"), None));
        }
        sleep(ms(1_000)).await;
        let PublisherStatus::Degraded { reason, .. } = publisher.status() else {
            panic!()
        };
        assert_eq!(reason, "the outbox is full, new events are lost");
        drop(publisher);
        let accounting = task.await.unwrap();
        assert_eq!(accounting.dropped.get(DropReason::QueueFull), 15);
    });
    let errors = lines.of(Level::ERROR);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains(
        "events are lost events=15 queue_full=15 too_large=0 rejected=0 closed=0 unreadable=0"
    ));
}

#[test]
fn each_acknowledged_event_is_one_line_without_an_address() {
    let (lines, _guard) = Lines::collect();
    on_paused_clock(async {
        let (publisher, task) = Publisher::new(Memory::new([]), PublisherOptions::default());
        let mut john = event(7, "user-123");
        let ip: std::net::IpAddr = "203.0.113.7".parse().unwrap();
        john.metadata.ip = Some(ip.into());
        let id = john.id;
        publisher.publish(john, None).unwrap();
        let mut forger = event(8, "user-123");
        forger.username = "a\nb".to_owned();
        publisher.publish(forger, None).unwrap();
        drop(publisher);
        task.run().await;
        let expected = |id, offset, name| {
            format!(
                "user_metadata::delivered 📊 Published user metadata for {name} (user-123) \
                 event_id={id} partition=2 offset={offset}"
            )
        };
        let forger = event(8, "user-123").id;
        assert_eq!(
            lines.of(Level::INFO),
            [expected(id, 0, "John"), expected(forger, 1, r"a\u{a}b")]
        );
    });
}

#[test]
fn the_metrics_are_equal_to_the_counts() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        on_paused_clock(async {
            let memory = Memory::new([]);
            let options = PublisherOptions {
                max_events: 5,
                ..Default::default()
            };
            let (publisher, task) = Publisher::new(memory.clone(), options);
            for n in 0..7 {
                drop(publisher.publish(event(n, "a"), None));
            }
            assert!(handle.render().contains("user_metadata_events_pending 5"));
            drop(publisher);
            task.run().await;
        });
    });
    let text = handle.render();
    for line in [
        "user_metadata_events_accepted_total 7",
        "user_metadata_events_recovered_total 0",
        "user_metadata_events_published_total 5",
        "user_metadata_events_dropped_total{reason=\"queue_full\"} 2",
        "user_metadata_events_dropped_total{reason=\"rejected\"} 0",
        "user_metadata_events_pending 0",
        "user_metadata_outbox_bytes 0",
        "user_metadata_outbox_oldest_seconds 0",
        "user_metadata_publish_seconds_count 5",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}

#[test]
fn snapshots_add_up_while_many_threads_publish() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    let faults = (0..200).map(|n| {
        if n % 3 == 0 {
            Fault::Partial(n)
        } else {
            Fault::Slow(1)
        }
    });
    let memory = Memory::new(faults);
    let options = PublisherOptions {
        max_events: 500,
        ..Default::default()
    };
    let (publisher, task) = Publisher::new(memory, options);
    let task = runtime.spawn(task.run());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let publisher = publisher.clone();
            scope.spawn(move || {
                for n in 0..3_000 {
                    drop(publisher.publish(event(thread * 10_000 + n, &format!("u{n}")), None));
                    if n % 10 == 0 {
                        assert_adds_up(&publisher.accounting());
                    }
                }
            });
        }
    });
    drop(publisher);
    let accounting = runtime.block_on(task).unwrap();
    assert_adds_up(&accounting);
    assert_eq!((accounting.accepted, accounting.pending), (12_000, 0));
}
