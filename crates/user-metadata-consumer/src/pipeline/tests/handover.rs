use super::*;

#[tokio::test(start_paused = true)]
async fn partitions_are_handed_over_once_their_records_are_settled_without_waiting_for_a_full_batch()
 {
    let mut rig = Rig::start(2);
    let start = Instant::now();
    rig.send((0..3).map(|offset| (0, offset)));
    rig.topic.send(Input::Revoking);
    // The source releases the partitions when it is asked for more.
    rig.topic.send(Input::Assigned(vec![1, 2]));
    let first = rig.write().await;
    assert_eq!(rig.sink().partitions, [0, 1, 2]);
    first.store();
    let second = rig.write().await;
    assert_eq!((second.places(), second.at), (vec![(0, 2)], start));
    assert_eq!(rig.sink().partitions, [0, 1, 2]);
    second.store();
    rig.committed(&[(0, 3)]).await;
    pass(MAX_WAIT).await;
    assert_eq!(rig.sink().partitions, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_handover_does_not_wait_for_a_sink_that_is_unavailable() {
    let mut rig = Rig::start(3);
    rig.send([(0, 0), (1, 0), (2, 0)]);
    let first = rig.write().await;
    rig.topic.send(Input::Revoking);
    rig.topic.send(Input::Assigned(vec![1]));
    first.answer(unavailable());
    let again = rig.write().await;
    assert_eq!(again.places(), [(1, 0)], "only what is still its own");
    again.store();
    rig.committed(&[(1, 1)]).await;
}

#[tokio::test(start_paused = true)]
async fn waiting_records_of_other_partitions_are_dropped() {
    let mut rig = Rig::start(2);
    rig.send([(0, 0), (0, 1)]);
    let first = rig.write().await;
    rig.send([(0, 2), (1, 0)]);
    pass(MAX_WAIT).await;
    first.answer(unavailable());
    let first = rig.write().await;
    first.store();
    // The next batch is full and is being written when the partitions are lost.
    let second = rig.write().await;
    assert_eq!(second.places(), [(0, 2), (1, 0)]);
    rig.topic.send(Input::Assigned(vec![1, 2]));
    pass(MAX_WAIT).await;
    second.store();
    rig.committed(&[(0, 2), (1, 1)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_lost_all_its_partitions_waits_for_others_to_fill() {
    let mut rig = Rig::start(2);
    rig.send([(0, 0)]);
    pass(MAX_WAIT / 2).await;
    rig.topic.send(Input::Assigned(vec![1, 2]));
    pass(MAX_WAIT).await;
    let start = Instant::now();
    rig.send([(1, 0)]);
    let write = rig.write().await;
    assert_eq!(write.places(), [(1, 0)]);
    assert_eq!(write.at - start, MAX_WAIT);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_was_another_members_meanwhile_is_not_committed() {
    let mut rig = Rig::start(2);
    rig.send([(0, 0), (1, 0)]);
    let write = rig.write().await;
    rig.topic.send(Input::Assigned(vec![1]));
    rig.topic.send(Input::Assigned(vec![0, 1]));
    pass(Duration::from_secs(1)).await;
    write.store();
    rig.committed(&[(1, 1)]).await;
    // It is read again where the other member has left off.
    rig.send([(0, 7), (0, 8)]);
    rig.write().await.store();
    rig.committed(&[(0, 9), (1, 1)]).await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_became_empty_is_not_written_again() {
    let mut rig = Rig::start(1);
    rig.send([(0, 0)]);
    let write = rig.write().await;
    rig.topic.send(Input::Assigned(vec![1]));
    pass(Duration::from_secs(1)).await;
    write.answer(unavailable());
    pass(Duration::from_secs(1)).await;
    rig.send([(1, 0)]);
    let next = rig.write().await;
    assert_eq!(next.places(), [(1, 0)]);
    rig.assert_nothing_is_committed();
    next.store();
    rig.committed(&[(1, 1)]).await;
}
