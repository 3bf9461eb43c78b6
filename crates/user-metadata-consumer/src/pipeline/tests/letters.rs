use super::*;

fn text(record: &Record, header: &str) -> String {
    let value = record
        .header(header)
        .unwrap_or_else(|| panic!("no {header}"));
    String::from_utf8(value.to_vec()).unwrap()
}

fn letters(rig: &Rig) -> Vec<Record> {
    rig.topic.state().dead_letters.clone()
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_not_an_event_becomes_a_dead_letter_and_the_rest_is_stored() {
    let mut rig = Rig::start(3);
    rig.send([(0, 0)]);
    rig.send_value(1, Some(b"{\"no\": \"event\"}"));
    rig.send([(0, 2)]);
    let write = rig.write().await;
    assert_eq!(write.places(), [(0, 0), (0, 2)]);
    write.store();
    rig.committed(&[(0, 3)]).await;
    let letters = letters(&rig);
    let [letter] = letters.as_slice() else {
        panic!("one letter: {letters:?}")
    };
    assert_eq!(letter.key.as_deref(), Some(&b"user-123"[..]));
    assert_eq!(letter.value.as_deref(), Some(&b"{\"no\": \"event\"}"[..]));
    assert_eq!(text(letter, "ce_id"), "7", "its own headers stay");
    let reason = "value is not an event: missing field `id` (line 1, column 15)";
    assert_eq!(text(letter, "dlq_reason"), reason);
    assert_eq!(text(letter, "dlq_sink"), "memory");
    assert_eq!(text(letter, "dlq_topic"), TOPIC);
    assert_eq!(text(letter, "dlq_partition"), "0");
    assert_eq!(text(letter, "dlq_offset"), "1");
    // Retention goes by the timestamp: an old record must not take its dead letter with it.
    assert_eq!(text(letter, "dlq_time"), letter.timestamp.to_string());
    assert!(letter.timestamp > at());
    assert_eq!((rig.sink().written, rig.sink().dead_lettered), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_the_sink_rejects_becomes_a_dead_letter_with_the_sinks_reason() {
    let mut rig = Rig::start(3);
    rig.send((0..3).map(|offset| (0, offset)));
    let rejections = vec![Rejection::new(1, "the name is too long")];
    rig.write().await.answer(Ok(rejections));
    rig.committed(&[(0, 3)]).await;
    let letters = letters(&rig);
    assert_eq!(letters.len(), 1);
    assert_eq!(text(&letters[0], "dlq_reason"), "the name is too long");
    assert_eq!(text(&letters[0], "dlq_offset"), "1");
    assert_eq!(
        letters[0].value,
        event(1).to_record("/test", None).unwrap().value
    );
    assert_eq!((rig.sink().written, rig.sink().dead_lettered), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_dead_lettered_again_has_only_the_headers_of_its_last_failure() {
    let mut rig = Rig::start(1);
    let mut record = record(Some(b"still no event"));
    record
        .headers
        .push(("dlq_reason".to_owned(), "the first".into()));
    let fetched = Fetched {
        partition: 1,
        offset: 9,
        replayed_from: None,
        record,
    };
    rig.topic.send(Input::Records(vec![fetched]));
    rig.committed(&[(1, 10)]).await;
    let letters = letters(&rig);
    let reasons = letters[0]
        .headers
        .iter()
        .filter(|(name, _)| name == "dlq_reason");
    assert_eq!(reasons.count(), 1);
    assert!(text(&letters[0], "dlq_reason").contains("invalid JSON"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_committed_while_dead_letters_can_not_be_stored() {
    let mut rig = Rig::start(2);
    rig.topic.state().letters_fail = Some("dead-letter topic is away");
    rig.send([(0, 0)]);
    rig.send_value(1, Some(b"poison"));
    rig.write().await.store();
    pass(Duration::from_secs(60)).await;
    rig.assert_nothing_is_committed();
    assert_eq!(rig.sink().problems[0].what, "dead-letter topic is away");
    assert_eq!(rig.sink().dead_lettered, 0);
    rig.topic.state().letters_fail = None;
    rig.committed(&[(0, 2)]).await;
    assert_eq!(rig.sink().problems, []);
    assert_eq!((letters(&rig).len(), rig.sink().dead_lettered), (1, 1));
    assert!(
        rig.writes.try_recv().is_err(),
        "what is stored is not written again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_its_topic_refuses_is_lost_and_counted() {
    let mut rig = Rig::start(3);
    rig.topic.state().letters_refused = vec![1];
    for offset in 0..3 {
        rig.send_value(offset, Some(b"poison"));
    }
    rig.committed(&[(0, 3)]).await;
    let offsets: Vec<_> = letters(&rig)
        .iter()
        .map(|letter| text(letter, "dlq_offset"))
        .collect();
    assert_eq!(offsets, ["0", "2"]);
    assert_eq!((rig.sink().dead_lettered, rig.sink().lost), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn tombstones_are_skipped_and_committed_and_never_become_letters() {
    let mut rig = Rig::start(2);
    rig.send_value(0, None);
    rig.send_value(1, None);
    rig.committed(&[(0, 2)]).await;
    rig.send_value(2, None);
    rig.send([(0, 3)]);
    let write = rig.write().await;
    assert_eq!(write.places(), [(0, 3)]);
    write.store();
    rig.committed(&[(0, 4)]).await;
    assert_eq!(letters(&rig), []);
    assert_eq!(rig.sink().written, 1);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_rejects_what_it_was_not_given_is_stopped_and_nothing_is_committed() {
    let mut rig = Rig::start(2);
    rig.send([(0, 0), (0, 1)]);
    let rejections = vec![Rejection::new(0, "no"), Rejection::new(2, "no")];
    rig.write().await.answer(Ok(rejections));
    let End::Failed(error) = rig.pipeline.await.unwrap() else {
        panic!("it should have failed")
    };
    assert_eq!(
        error.to_string(),
        "the sink rejects event 2 of a batch of 2; this is a bug in the sink"
    );
    assert!(rig.topic.committed.borrow().is_empty());
    assert_eq!(rig.topic.state().dead_letters, []);
}
