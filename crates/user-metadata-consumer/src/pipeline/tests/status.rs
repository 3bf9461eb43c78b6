use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::pipeline::{LossCause, PartitionOffsets, Trouble};
use crate::status::{ConsumerHealth, SinkState};

fn not_ready(health: &ConsumerHealth) -> &[String] {
    match health {
        ConsumerHealth::NotReady(reasons) => reasons,
        other => panic!("{other:?}"),
    }
}

fn behind() -> Vec<PartitionOffsets> {
    [(0, 10, 14), (1, 3, 3)]
        .map(|(partition, position, end)| PartitionOffsets {
            partition,
            position,
            end,
        })
        .to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_ready_once_a_sink_has_a_partition_and_degraded_while_something_is_away() {
    let monitor = Monitor::new(&Arc::from("memory"), "group.memory".to_owned());
    let status = ConsumerStatus::new(vec![monitor.shared()]);
    assert_eq!(
        not_ready(&status.health()),
        ["no sink is running in its group"]
    );
    monitor.assigned(&[0]);
    assert_eq!(status.health(), ConsumerHealth::Ready);
    monitor.begin(Trouble::Sink, "connection refused");
    let reasons = vec!["memory: connection refused".to_owned()];
    assert_eq!(status.health(), ConsumerHealth::Degraded(reasons));
    monitor.end(Trouble::Sink);
    assert_eq!(status.health(), ConsumerHealth::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_not_ready_when_a_sink_has_failed_though_others_run() {
    let [good, bad] = ["good", "bad"].map(|name| Monitor::new(&Arc::from(name), String::new()));
    let status = ConsumerStatus::new(vec![good.shared(), bad.shared()]);
    good.assigned(&[0]);
    bad.assigned(&[0]);
    Monitor::finished(&bad.shared(), Some("no such database"));
    assert_eq!(
        not_ready(&status.health()),
        ["bad: stopped for good", "bad: no such database"]
    );
    assert_eq!(status.sinks()[0].state, SinkState::Running);
    assert_eq!(status.sinks()[1].state, SinkState::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_makes_no_progress_for_a_minute_is_stalled_until_it_does() {
    let mut rig = Rig::start(1);
    rig.topic.state().offsets = behind();
    rig.send([(0, 0)]);
    let write = rig.write().await;
    pass(Duration::from_secs(59)).await;
    assert_eq!(rig.status.health(), ConsumerHealth::Ready);
    pass(Duration::from_secs(1)).await;
    assert_eq!(
        not_ready(&rig.status.health()),
        ["memory: no progress for 60 s"]
    );
    write.store();
    rig.committed(&[(0, 1)]).await;
    assert_eq!(rig.status.health(), ConsumerHealth::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_sink_with_nothing_to_do_is_never_stalled() {
    let rig = Rig::start(1);
    pass(Duration::from_secs(3_600)).await;
    assert_eq!(rig.status.health(), ConsumerHealth::Ready);
    // A topic that can't be read may have more.
    let reason = "Kafka is unavailable".to_owned();
    rig.topic.send(Input::Unavailable { reason });
    pass(Duration::from_secs(62)).await;
    let health = rig.status.health();
    assert!(
        not_ready(&health)[0].starts_with("memory: no progress for 6"),
        "{health:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_is_stalled_however_often_the_group_rebalances() {
    let mut rig = Rig::start(1);
    rig.send([(0, 0)]);
    let _hanging = rig.write().await;
    for partitions in [vec![0, 1], vec![], vec![0], vec![0, 2], vec![1]] {
        pass(Duration::from_secs(13)).await;
        rig.topic.send(Input::Assigned(partitions));
    }
    assert_eq!(
        not_ready(&rig.status.health()),
        ["memory: no progress for 65 s"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_partition_is_found_while_others_are_read() {
    let mut rig = Rig::start(10);
    rig.topic.state().offsets = behind();
    for offset in 0..60 {
        rig.send([(1, offset)]);
        rig.write().await.store();
        assert_eq!(rig.status.health(), ConsumerHealth::Ready, "{offset}");
        pass(Duration::from_millis(800)).await;
    }
    pass(Duration::from_secs(1)).await;
    assert_eq!(
        not_ready(&rig.status.health()),
        ["memory: no records from partition 0 for 61 s, with 4 records to read"]
    );
    let sink = rig.sink();
    let silent: Vec<_> = sink.lags.iter().map(|lag| lag.silent.as_secs()).collect();
    assert_eq!(silent, [61, 0]);
    rig.send([(0, 10)]);
    rig.write().await.store();
    pass(Duration::from_secs(1)).await;
    assert_eq!(rig.status.health(), ConsumerHealth::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_that_asks_for_nothing_is_not_silent() {
    let mut rig = Rig::start(1);
    rig.topic.state().offsets = behind();
    rig.send((0..10).map(|offset| (1, offset)));
    for _ in 0..10 {
        let write = rig.write().await;
        pass(Duration::from_secs(30)).await;
        write.store();
        assert_eq!(rig.status.health(), ConsumerHealth::Ready);
    }
}

#[tokio::test(start_paused = true)]
async fn failed_commits_are_not_progress_even_if_all_is_stored() {
    let mut rig = Rig::start(1);
    rig.topic.state().commits_fail = Some("the disk is full");
    for offset in 0..62 {
        rig.send([(0, offset)]);
        rig.write().await.store();
        pass(Duration::from_secs(1)).await;
    }
    let health = rig.status.health();
    let [stalled, why] = not_ready(&health) else {
        panic!("{health:?}")
    };
    assert!(
        stalled.starts_with("memory: no progress for 6"),
        "{stalled}"
    );
    assert_eq!(why, "memory: the disk is full");
    rig.topic.state().commits_fail = None;
    rig.committed(&[(0, 62)]).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(rig.status.health(), ConsumerHealth::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_member_without_a_partition_is_a_stand_by_and_one_that_left_the_group_is_not() {
    let rig = Rig::start(1);
    rig.topic.send(Input::Assigned(Vec::new()));
    pass(Duration::from_secs(3_600)).await;
    assert_eq!(rig.status.health(), ConsumerHealth::Ready);
    assert_eq!(
        rig.sink().to_string(),
        "running; a stand-by: other processes of its group have all partitions; 0 partitions, \
         0 records behind; 0 events stored"
    );
    rig.topic.send(Input::Left);
    pass(Duration::from_secs(1)).await;
    let gone = "no sink is running in its group";
    assert_eq!(not_ready(&rig.status.health()), [gone]);
    pass(Duration::from_secs(60)).await;
    let health = rig.status.health();
    assert!(
        not_ready(&health)[0].starts_with("memory: has not joined its group for 6"),
        "{health:?}"
    );
    rig.topic.send(Input::Assigned(vec![0]));
    pass(Duration::from_secs(1)).await;
    assert_eq!(rig.status.health(), ConsumerHealth::Ready);
}

#[tokio::test(start_paused = true)]
async fn the_status_reads_as_a_sentence() {
    let mut rig = Rig::start(2);
    assert_eq!(
        rig.sink().to_string(),
        "starting; 0 partitions, 0 records behind; 0 events stored"
    );
    rig.topic.state().offsets = behind();
    rig.topic.send(Input::Lost {
        records: 5,
        cause: LossCause::Damage,
    });
    rig.send([(0, 0)]);
    rig.send_value(1, Some(b"poison"));
    rig.write().await.store();
    pass(Duration::from_secs(2)).await;
    assert_eq!(
        rig.sink().to_string(),
        "running; 3 partitions, 4 records behind; 1 event stored, 1 dead letter, 5 records lost"
    );
    rig.send([(0, 2), (0, 3)]);
    rig.write().await.answer(unavailable());
    let again = rig.write().await;
    let words = rig.sink().to_string();
    assert!(words.starts_with("running; since 20"), "{words}");
    assert!(
        words.contains("Z: connection refused; 3 partitions"),
        "{words}"
    );
    again.store();
    let shared = rig.status.clone();
    assert!(matches!(rig.stopped().await, End::Stopped));
    assert_eq!(shared.sinks()[0].group, "group.memory");
}

#[tokio::test(start_paused = true)]
async fn every_metric_counts_what_happened() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _installed = ::metrics::set_default_local_recorder(&recorder);
    let mut rig = Rig::start(4);
    rig.topic.state().offsets = behind();
    rig.topic.send(Input::Lost {
        records: 5,
        cause: LossCause::Retention,
    });
    rig.send([(0, 0), (0, 1)]);
    rig.send_value(2, Some(b"poison"));
    rig.send_value(3, None);
    rig.write().await.answer(unavailable());
    rig.write().await.answer(Ok(vec![Rejection::new(0, "no")]));
    rig.committed(&[(0, 4)]).await;
    pass(Duration::from_secs(1)).await;
    let text = metrics.render();
    for line in [
        "user_metadata_consumer_lag_records{sink=\"memory\",partition=\"0\"} 4",
        "user_metadata_consumer_lag_records{sink=\"memory\",partition=\"1\"} 0",
        "user_metadata_consumer_partition_lag_seconds{sink=\"memory\",partition=\"1\"} 0",
        "user_metadata_consumer_lost_total{sink=\"memory\",reason=\"retention\"} 5",
        "user_metadata_consumer_lost_total{sink=\"memory\",reason=\"damage\"} 0",
        "user_metadata_consumer_tombstones_total{sink=\"memory\"} 1",
        "user_metadata_sink_written_total{sink=\"memory\"} 1",
        "user_metadata_sink_retries_total{sink=\"memory\"} 1",
        "user_metadata_sink_dead_lettered_total{sink=\"memory\",reason=\"undecodable\"} 1",
        "user_metadata_sink_dead_lettered_total{sink=\"memory\",reason=\"rejected\"} 1",
        "user_metadata_sink_write_seconds_count{sink=\"memory\"} 1",
        "user_metadata_end_to_end_seconds_count{sink=\"memory\"} 1",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    // The rest of partition 0 counts as old as the last stored record, which is a year or more.
    for gauge in [
        "user_metadata_consumer_lag_seconds{sink=\"memory\"} ",
        "user_metadata_consumer_partition_lag_seconds{sink=\"memory\",partition=\"0\"} ",
    ] {
        let age = text.lines().find_map(|line| line.strip_prefix(gauge));
        let age: f64 = age.unwrap().parse().unwrap();
        assert!(age > 30_000_000.0, "{gauge}{age}");
    }
    // The lag of a partition that belongs to another member now is 0.
    rig.topic.state().offsets.clear();
    pass(Duration::from_secs(1)).await;
    let text = metrics.render();
    for name in ["lag_records", "partition_lag_seconds"] {
        let line = format!("user_metadata_consumer_{name}{{sink=\"memory\",partition=\"0\"}} 0");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}
