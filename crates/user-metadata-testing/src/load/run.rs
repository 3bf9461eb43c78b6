use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::{Client, ClientError};

/// Many connections, each closed when it is done.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Where the ws-server listens.
    pub address: SocketAddr,
    /// How many connections in all.
    pub connections: u32,
    /// How many are started per second, answered or not; `None`: as fast as they are answered.
    pub per_second: Option<u32>,
    /// How many may be open at the same time.
    pub at_once: usize,
}

/// A join that was answered.
#[derive(Debug, Clone)]
pub struct Join {
    /// The user: `user-0` and so on.
    pub user_id: String,
    /// The event's id, from the reply.
    pub event_id: String,
}

/// The results of all connections.
#[derive(Debug)]
pub struct Report<T> {
    /// The results of those that succeeded.
    pub done: Vec<T>,
    /// Why the others failed.
    pub failures: Vec<ClientError>,
    /// From the first connect to the last reply.
    pub took: Duration,
}

impl Load {
    /// Each connection joins, as a different user.
    pub async fn join(self) -> Report<Join> {
        self.run(move |number| join(self.address, number)).await
    }

    /// Each connection only upgrades.
    pub async fn upgrade(self) -> Report<()> {
        self.run(move |_| upgrade(self.address)).await
    }

    async fn run<T, F>(self, act: impl Fn(u32) -> F) -> Report<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let start = Instant::now();
        let places = Arc::new(Semaphore::new(self.at_once));
        let mut pace = self.per_second.map(steady);
        let mut running = JoinSet::new();
        let mut report = Report {
            done: Vec::new(),
            failures: Vec::new(),
            took: Duration::ZERO,
        };
        for number in 0..self.connections {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            }
            let place = Arc::clone(&places).acquire_owned().await;
            let act = act(number);
            running.spawn(async move {
                let done = act.await;
                drop(place);
                done
            });
            while let Some(ended) = running.try_join_next() {
                report.add(ended);
            }
        }
        while let Some(ended) = running.join_next().await {
            report.add(ended);
        }
        report.took = start.elapsed();
        report
    }
}

impl<T> Report<T> {
    fn add(&mut self, ended: Result<Result<T, ClientError>, JoinError>) {
        match ended {
            Ok(Ok(done)) => self.done.push(done),
            Ok(Err(failure)) => self.failures.push(failure),
            Err(panicked) => self.failures.push(panicked.to_string()),
        }
    }
}

/// Ticks that were missed are made up for, so that the rate does not depend on how fast the server
/// answers.
pub(super) fn steady(per_second: u32) -> Interval {
    let mut pace = interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    pace
}

async fn upgrade(address: SocketAddr) -> Result<(), ClientError> {
    connect(address).await.map(drop)
}

async fn join(address: SocketAddr, number: u32) -> Result<Join, ClientError> {
    let user_id = format!("user-{number}");
    let reply = connect(address).await?.join(&user_id, "Load").await?;
    let event_id = reply["eventId"].as_str().unwrap_or_default().to_owned();
    Ok(Join { user_id, event_id })
}

/// With the headers of a common browser: parsing them is part of the cost of a join.
pub(super) async fn connect(address: SocketAddr) -> Result<Client, ClientError> {
    const HEADERS: [(&str, &str); 2] = [
        (
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/120.0.0.0 Safari/537.36",
        ),
        ("accept-language", "en-US,en;q=0.9"),
    ];
    Client::connect(address, &HEADERS).await
}
