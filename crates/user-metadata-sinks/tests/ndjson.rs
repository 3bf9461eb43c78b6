//! What is written to a pipe, and what happens when it breaks.
#![cfg(feature = "stdout")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::sync::{Arc, Mutex};

use support::{delivery, event, fixture, good_fixtures};
use user_metadata_consumer::{Sink, SinkError};
use user_metadata_events::UserMetadataEvent;
use user_metadata_sinks::{IpFilter, IpPrivacy, NdjsonSink};

/// Keeps what is written, as far as there is room, and counts the flushes.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Written>>);

#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    flushes: usize,
    /// How many more bytes it takes; `None`: any number.
    room: Option<usize>,
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().unwrap();
        let taken = written
            .room
            .map_or(bytes.len(), |room| room.min(bytes.len()));
        if taken == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        written.room = written.room.map(|room| room - taken);
        written.bytes.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().flushes += 1;
        Ok(())
    }
}

impl Paper {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().bytes.clone()).unwrap();
        text.split_terminator('\n').map(Into::into).collect()
    }

    fn make_room(&self, bytes: Option<usize>) {
        self.0.lock().unwrap().room = bytes;
    }
}

#[tokio::test]
async fn a_value_is_written_as_it_came_in_one_line() {
    let paper = Paper::default();
    let mut sink = NdjsonSink::new(paper.clone()).unwrap();
    let fixtures = good_fixtures();
    let batch: Vec<_> = fixtures.iter().map(|(_, value)| delivery(value)).collect();
    assert_eq!(sink.write(&batch).await.unwrap(), []);
    let lines = paper.lines();
    assert_eq!(lines.len(), batch.len());
    assert_eq!(paper.0.lock().unwrap().flushes, 1, "one a batch");
    for (line, (name, value)) in lines.iter().zip(&fixtures) {
        let again = UserMetadataEvent::decode(Some(line.as_bytes())).unwrap();
        assert_eq!(
            again,
            UserMetadataEvent::decode(Some(value)).unwrap(),
            "{name}"
        );
    }
    let compact = br#"{"username":"J","id":"01KAQ059000000000000000001","userId":"u","sessionId":"s","timestamp":1,"metadata":{"z":1.50,"a":"\u00e9"},"connectionInfo":{"clientId":"01KAQ0584G0000000000000001","connectionTime":1}}"#;
    sink.write(&[delivery(compact)]).await.unwrap();
    assert_eq!(paper.lines().pop().unwrap().as_bytes(), compact);
}

#[tokio::test]
async fn a_value_with_line_breaks_of_any_kind_is_one_line() {
    let paper = Paper::default();
    let mut sink = NdjsonSink::new(paper.clone()).unwrap();
    let value = String::from_utf8(fixture("full.json")).unwrap();
    let value = value.replace('\n', "\r\n");
    sink.write(&[delivery(value.as_bytes())]).await.unwrap();
    let [line] = &*paper.lines() else {
        panic!("{:?}", paper.lines());
    };
    assert!(!line.contains('\r'));
    assert!(UserMetadataEvent::decode(Some(line.as_bytes())).is_ok());
}

#[tokio::test]
async fn addresses_are_written_as_far_as_they_may() {
    for (privacy, expected) in [
        (IpPrivacy::Full, Some("203.0.113.7")),
        (IpPrivacy::Truncate, Some("203.0.113.0")),
        (IpPrivacy::None, None),
    ] {
        let paper = Paper::default();
        let mut sink = IpFilter::new(privacy, NdjsonSink::new(paper.clone()).unwrap());
        let original = delivery(&fixture("full.json"));
        sink.write(std::slice::from_ref(&original)).await.unwrap();
        let line = paper.lines().remove(0);
        let mut event = UserMetadataEvent::decode(Some(line.as_bytes())).unwrap();
        assert_eq!(event.metadata.ip, expected.map(Into::into));
        assert_eq!(event.connection_info.ip_address, expected.map(Into::into));
        assert_eq!(line.contains("113.7"), privacy == IpPrivacy::Full, "{line}");
        // Nothing else is different.
        event.metadata.ip = original.event.metadata.ip.clone();
        let address = original.event.connection_info.ip_address.clone();
        event.connection_info.ip_address = address;
        assert_eq!(event, original.event);
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_the_torn_line_spoils_no_other() {
    let paper = Paper::default();
    let mut sink = NdjsonSink::new(paper.clone()).unwrap();
    let batch = [event(1, |_| {}), event(2, |_| {})];
    let first = batch[0].record.value.as_ref().unwrap().len() + 1;
    paper.make_room(Some(first + 10));
    for _ in 0..2 {
        let error = sink.write(&batch).await.unwrap_err();
        assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
    }
    paper.make_room(None);
    assert_eq!(sink.write(&batch).await.unwrap(), []);
    let lines = paper.lines();
    let events: Vec<_> = lines
        .iter()
        .map(|line| UserMetadataEvent::decode(Some(line.as_bytes())).ok())
        .collect();
    let ids: Vec<_> = events
        .iter()
        .map(|event| event.as_ref().map(|event| event.id))
        .collect();
    let [one, two] = [batch[0].event.id, batch[1].event.id];
    assert_eq!(ids, [Some(one), None, Some(one), Some(two)], "{lines:?}");
}

#[tokio::test]
async fn a_pipe_that_nobody_reads_any_more_is_closed_and_no_failure() {
    let (reader, writer) = io::pipe().unwrap();
    let mut sink = NdjsonSink::new(writer).unwrap();
    let sent = event(1, |_| {});
    sink.write(std::slice::from_ref(&sent)).await.unwrap();
    let mut reader = BufReader::new(reader);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(
        line.trim_end().as_bytes(),
        sent.record.value.as_ref().unwrap()
    );
    drop(reader);
    let error = sink.write(&[event(2, |_| {})]).await.unwrap_err();
    assert!(matches!(error, SinkError::Closed), "{error}");
}

#[tokio::test]
async fn a_reader_that_pauses_holds_up_nothing_but_the_sink() {
    let (reader, writer) = io::pipe().unwrap();
    let mut sink = NdjsonSink::new(writer).unwrap();
    // More than a pipe holds, on the one thread that this test's runtime has.
    let batch: Vec<_> = (0..2_000).map(|id| event(id, |_| {})).collect();
    let lines = batch.len();
    let writing = tokio::spawn(async move { sink.write(&batch).await });
    tokio::task::yield_now().await;
    assert!(!writing.is_finished());
    let reading = std::thread::spawn(move || BufReader::new(reader).lines().count());
    assert_eq!(writing.await.unwrap().unwrap(), []);
    assert_eq!(reading.join().unwrap(), lines);
}
