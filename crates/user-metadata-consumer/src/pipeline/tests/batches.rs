use super::*;

#[tokio::test(start_paused = true)]
async fn a_full_batch_is_written_at_once() {
    let mut rig = Rig::start(3);
    let start = Instant::now();
    rig.send((0..7).map(|offset| (0, offset)));
    for offsets in [0..3, 3..6] {
        let write = rig.write().await;
        assert_eq!(
            write.places(),
            offsets.map(|at| (0, at)).collect::<Vec<_>>()
        );
        assert_eq!(write.at, start);
        write.store();
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_does_not_fill_is_written_after_its_wait() {
    let mut rig = Rig::start(1_000);
    rig.send([(0, 0)]);
    let start = Instant::now();
    pass(MAX_WAIT / 2).await;
    rig.send([(1, 0)]);
    let write = rig.write().await;
    assert_eq!(write.places(), [(0, 0), (1, 0)]);
    assert_eq!(write.at, start + MAX_WAIT, "the wait is the first event's");
}

#[tokio::test(start_paused = true)]
async fn the_next_batch_fills_while_one_is_written() {
    let mut rig = Rig::start(2);
    rig.send([(0, 0), (0, 1)]);
    let first = rig.write().await;
    rig.send([(0, 2), (0, 3), (0, 4)]);
    pass(Duration::from_secs(10)).await;
    let now = Instant::now();
    first.store();
    let second = rig.write().await;
    assert_eq!((second.places(), second.at), (vec![(0, 2), (0, 3)], now));
    second.store();
    rig.committed(&[(0, 4)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_committed_when_it_is_stored_and_not_before() {
    let mut rig = Rig::start(3);
    rig.send([(0, 10), (2, 5), (0, 11)]);
    let write = rig.write().await;
    pass(Duration::from_secs(60)).await;
    rig.assert_nothing_is_committed();
    write.store();
    rig.committed(&[(0, 12), (2, 6)]).await;
    assert_eq!(rig.sink().written, 3);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_has_the_event_the_record_and_its_position() {
    let mut rig = Rig::start(1);
    rig.send([(2, 7)]);
    let write = rig.write().await;
    let [delivery] = write.batch.as_slice() else {
        panic!("one event")
    };
    assert_eq!(delivery.event, event(7));
    assert_eq!(delivery.record, event(7).to_record("/test", None).unwrap());
    assert_eq!(delivery.position.to_string(), "user-metadata[2]@7");
}

#[tokio::test(start_paused = true)]
async fn stop_finishes_the_batch_in_flight_and_writes_no_other() {
    let mut rig = Rig::start(2);
    rig.send((0..4).map(|offset| (0, offset)));
    let write = rig.write().await;
    rig.stop.cancel();
    pass(Duration::from_secs(10)).await;
    assert!(!rig.pipeline.is_finished());
    write.store();
    assert!(matches!(rig.pipeline.await.unwrap(), End::Stopped));
    assert!(rig.writes.recv().await.is_none());
    assert_eq!(*rig.topic.committed.borrow(), [(0, 2)].into());
}

#[tokio::test(start_paused = true)]
async fn stop_does_not_wait_for_a_batch_to_fill() {
    let mut rig = Rig::start(1_000);
    rig.send([(0, 0)]);
    tokio::task::yield_now().await;
    let start = Instant::now();
    rig.stop.cancel();
    assert!(matches!(rig.pipeline.await.unwrap(), End::Stopped));
    assert_eq!(start, Instant::now());
    assert!(rig.writes.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_ends_is_an_error_once_all_it_gave_is_settled() {
    let mut rig = Rig::start(1_000);
    rig.send([(0, 0)]);
    rig.topic.fail("the group is gone");
    rig.write().await.store();
    let End::Failed(error) = rig.pipeline.await.unwrap() else {
        panic!("it should have failed")
    };
    assert_eq!(error.to_string(), "the group is gone");
    assert_eq!(*rig.topic.committed.borrow(), [(0, 1)].into());
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_is_reported_and_retried_later() {
    let mut rig = Rig::start(1);
    rig.topic.state().commits_fail = Some("disk full");
    rig.send([(0, 0)]);
    rig.write().await.store();
    pass(Duration::from_secs(5)).await;
    rig.assert_nothing_is_committed();
    assert_eq!(rig.sink().problems[0].what, "disk full");
    rig.topic.state().commits_fail = None;
    rig.committed(&[(0, 1)]).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(rig.sink().problems, []);
}
