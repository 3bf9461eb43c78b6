use super::*;

#[tokio::test(start_paused = true)]
async fn an_unavailable_sink_gets_the_same_batch_again_and_nothing_is_committed_past_it() {
    let mut rig = Rig::start(2);
    rig.send((0..4).map(|offset| (0, offset)));
    let mut last = Instant::now();
    // The back-off: 100 ms, doubled each time up to 5 s, of which up to half is left out.
    for full in [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
        let write = rig.write().await;
        assert_eq!(write.places(), [(0, 0), (0, 1)]);
        let waited = (write.at - last).as_millis();
        assert!((full / 2..=full).contains(&waited), "{waited} ms of {full}");
        last = write.at;
        write.answer(unavailable());
    }
    rig.assert_nothing_is_committed();
    rig.write().await.store();
    rig.committed(&[(0, 2)]).await;
    assert_eq!(rig.write().await.places(), [(0, 2), (0, 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_targets_retry_after_is_honoured() {
    let mut rig = Rig::start(1);
    rig.send([(0, 0)]);
    let first = rig.write().await;
    let start = first.at;
    let asked = Duration::from_secs(60);
    first.answer(Err(SinkError::Unavailable {
        retry_after: Some(asked),
        source: "too many requests".into(),
    }));
    let waited = rig.write().await.at - start;
    assert!((asked..=asked + asked / 10).contains(&waited), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn stop_ends_a_back_off_at_once_and_commits_nothing() {
    let mut rig = Rig::start(1);
    rig.send([(0, 0)]);
    rig.write().await.answer(Err(SinkError::Unavailable {
        retry_after: Some(Duration::from_secs(3_600)),
        source: "too many requests".into(),
    }));
    pass(Duration::from_secs(1)).await;
    let start = Instant::now();
    rig.stop.cancel();
    assert!(matches!(rig.pipeline.await.unwrap(), End::Stopped));
    assert_eq!(start, Instant::now());
    assert!(rig.topic.committed.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fatal_error_ends_the_pipeline_and_commits_nothing() {
    let mut rig = Rig::start(1);
    rig.send([(0, 0)]);
    let write = rig.write().await;
    write.answer(Err(SinkError::fatal("no such database")));
    let End::Failed(error) = rig.pipeline.await.unwrap() else {
        panic!("it should have failed")
    };
    assert_eq!(error.to_string(), "no such database");
    assert!(rig.topic.committed.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_closed_target_ends_the_pipeline_without_an_error() {
    let mut rig = Rig::start(1);
    rig.send([(0, 0)]);
    rig.write().await.answer(Err(SinkError::Closed));
    assert!(matches!(rig.pipeline.await.unwrap(), End::Closed));
    assert!(rig.topic.committed.borrow().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_status_says_what_is_wrong_with_the_target_while_it_is() {
    let mut rig = Rig::start(1);
    rig.send([(0, 0)]);
    rig.write().await.answer(unavailable());
    let again = rig.write().await;
    assert_eq!(rig.sink().problems[0].what, "connection refused");
    again.store();
    rig.committed(&[(0, 1)]).await;
    assert_eq!(rig.sink().problems, []);
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_source_is_reported_until_it_is_back() {
    let mut rig = Rig::start(1);
    let reason = "Kafka is unavailable".to_owned();
    rig.topic.send(Input::Unavailable { reason });
    pass(Duration::from_secs(1)).await;
    assert_eq!(rig.sink().problems[0].what, "Kafka is unavailable");
    rig.topic.send(Input::Recovered);
    rig.send([(0, 0)]);
    rig.write().await.store();
    assert_eq!(rig.sink().problems, []);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_the_target_is_prepared() {
    let away = || SinkError::unavailable("no route to host");
    let mut rig = Rig::start_with(1, vec![away(), away()]);
    rig.send([(0, 0)]);
    let start = Instant::now();
    pass(Duration::from_millis(10)).await;
    assert_eq!(rig.sink().problems[0].what, "no route to host");
    let write = rig.write().await;
    assert!(start.elapsed() >= Duration::from_millis(50 + 100));
    assert_eq!(rig.sink().problems, []);
    write.store();
    rig.committed(&[(0, 1)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_can_never_be_prepared_ends_the_pipeline_before_the_first_event() {
    let rig = Rig::start_with(1, vec![SinkError::fatal("wrong password")]);
    let End::Failed(error) = rig.pipeline.await.unwrap() else {
        panic!("it should have failed")
    };
    assert_eq!(error.to_string(), "wrong password");
}
