//! What the tests of a whole consumer share.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use user_metadata_consumer::{
    Consumer, ConsumerStatus, Delivery, Rejection, RunError, Sink, SinkError, Summary,
};
use user_metadata_events::{
    ClientId, ConnectionInfo, EventId, Metadata, Record, UnixMillis, User, UserMetadataEvent,
};

/// Bounds every step; a step that takes this long has failed.
const LONG: Duration = Duration::from_secs(60);

/// A sink that accepts everything and shows it to the test.
pub(crate) struct Collect(mpsc::UnboundedSender<Delivery>);

/// What a [`Collect`] has received.
pub(crate) struct Collected(mpsc::UnboundedReceiver<Delivery>);

pub(crate) fn collect() -> (Collect, Collected) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Collect(sender), Collected(receiver))
}

impl Clone for Collect {
    /// Another sink on the same target.
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Sink for Collect {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        for delivery in batch {
            self.0
                .send(delivery.clone())
                .map_err(|_| SinkError::Closed)?;
        }
        Ok(Vec::new())
    }
}

impl Collected {
    pub(crate) async fn next(&mut self) -> Delivery {
        within(self.0.recv()).await.unwrap()
    }

    /// The numbers of the next `count` events, sorted.
    pub(crate) async fn numbers(&mut self, count: usize) -> Vec<u64> {
        let mut numbers = Vec::new();
        for _ in 0..count {
            numbers.push(number(&self.next().await.event));
        }
        numbers.sort_unstable();
        numbers
    }

    /// Takes events until it has seen `count` different ones, and returns their numbers, sorted.
    pub(crate) async fn different(&mut self, count: usize) -> Vec<u64> {
        let mut seen = BTreeSet::new();
        while seen.len() < count {
            seen.insert(number(&self.next().await.event));
        }
        seen.into_iter().collect()
    }

    pub(crate) fn is_empty(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

/// A sink that returns what the function returns.
pub(crate) struct Answer<F>(pub(crate) F);

impl<F> Sink for Answer<F>
where
    F: FnMut(&[Delivery]) -> Result<Vec<Rejection>, SinkError> + Send + 'static,
{
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        (self.0)(batch)
    }
}

/// A sink that reports when it gets a batch, and never returns.
pub(crate) struct Hang(pub(crate) mpsc::UnboundedSender<usize>);

impl Sink for Hang {
    async fn write(&mut self, batch: &[Delivery]) -> Result<Vec<Rejection>, SinkError> {
        self.0.send(batch.len()).unwrap();
        std::future::pending().await
    }
}

/// A running consumer.
pub(crate) struct Running {
    pub(crate) status: ConsumerStatus,
    pub(crate) stop: CancellationToken,
    task: JoinHandle<Result<Summary, RunError>>,
}

impl Running {
    pub(crate) fn start(consumer: Consumer) -> Self {
        let stop = CancellationToken::new();
        Self {
            status: consumer.status(),
            task: tokio::spawn(consumer.run(stop.clone())),
            stop,
        }
    }

    pub(crate) async fn ended(self) -> Result<Summary, RunError> {
        within(self.task).await.unwrap()
    }

    pub(crate) async fn stopped(self) -> Summary {
        self.stop.cancel();
        self.ended().await.unwrap()
    }

    /// Ends it like a crash: nothing more is stored or committed.
    pub(crate) async fn crashed(self) {
        self.task.abort();
        assert!(within(self.task).await.unwrap_err().is_cancelled());
    }
}

pub(crate) async fn within<T>(step: impl Future<Output = T>) -> T {
    let limited = tokio::time::timeout(LONG, step).await;
    limited.expect("a step takes too long")
}

/// Asks again and again until the answer is yes.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    within(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// The time of the event with that number.
pub(crate) fn at(number: u64) -> UnixMillis {
    UnixMillis::new(1_763_856_000_000 + number).unwrap()
}

/// An event of one of twenty users, with its number in the name.
pub(crate) fn event(number: u64) -> UserMetadataEvent {
    let user = User::new(format!("user-{}", number % 20), number.to_string(), None).unwrap();
    let connection = ConnectionInfo::new(ClientId::from_parts(at(0), 1));
    let id = EventId::from_parts(at(number), number.into());
    UserMetadataEvent::new(id, user, Metadata::default(), connection)
}

pub(crate) fn record(number: u64) -> Record {
    event(number).to_record("/test", None).unwrap()
}

pub(crate) fn number(event: &UserMetadataEvent) -> u64 {
    event.username.parse().unwrap()
}

pub(crate) fn header(headers: &[(String, impl AsRef<[u8]>)], name: &str) -> String {
    let found = headers.iter().find(|(header, _)| header == name);
    String::from_utf8(found.unwrap().1.as_ref().to_vec()).unwrap()
}
