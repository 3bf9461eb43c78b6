use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::ClientError;
use super::run::{connect, steady};

/// Joins at a steady rate, answered or not, by a fixed set of users in turn, until stopped. The
/// username of each join is its number: how often this user has joined before.
#[derive(Debug, Clone, Copy)]
pub struct SteadyJoins {
    /// Where the ws-server listens.
    pub address: SocketAddr,
    /// Joins per second.
    pub per_second: u32,
    /// How many users there are: `user-0` and so on, in turn.
    pub users: u32,
    /// Every so many joins, the username is as long as allowed, about 1 KiB; 0: never.
    pub large_every: u32,
}

/// A join and its result.
#[derive(Debug, Clone)]
pub struct TimedJoin {
    /// The user.
    pub user_id: String,
    /// How often this user had joined before.
    pub number: u32,
    /// Whether its username was long.
    pub is_large: bool,
    /// When it was scheduled.
    pub due: Instant,
    /// When its reply arrived, or it was given up.
    pub answered: Instant,
    /// The event's id from the reply, or why there is none.
    pub reply: Result<String, ClientError>,
}

/// Joins that run in the background.
#[derive(Debug)]
pub struct SteadyLoad {
    stop: watch::Sender<bool>,
    running: JoinHandle<Vec<TimedJoin>>,
}

impl SteadyJoins {
    /// Starts the joins on the current runtime.
    #[must_use]
    pub fn begin(self) -> SteadyLoad {
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(self.run(stopped));
        SteadyLoad { stop, running }
    }

    async fn run(self, mut stopped: watch::Receiver<bool>) -> Vec<TimedJoin> {
        let mut pace = steady(self.per_second);
        let mut running = JoinSet::new();
        for turn in 0.. {
            let due = tokio::select! {
                biased;
                // Also when the handle that stops it is dropped.
                _ = stopped.changed() => break,
                due = pace.tick() => due,
            };
            running.spawn(self.join(turn, due.into_std()));
        }
        running.join_all().await
    }

    async fn join(self, turn: u32, due: Instant) -> TimedJoin {
        let (user, number) = (turn % self.users, turn / self.users);
        let is_large = self.large_every > 0 && turn % self.large_every == self.large_every - 1;
        let user_id = format!("user-{user}");
        let name = if is_large {
            // 256 characters are allowed, of up to 4 bytes each.
            let number = number.to_string();
            let rest = "🦀".repeat(255 - number.len());
            format!("{number} {rest}")
        } else {
            number.to_string()
        };
        let reply = async {
            let reply = connect(self.address).await?.join(&user_id, &name).await?;
            Ok(reply["eventId"].as_str().unwrap_or_default().to_owned())
        };
        let reply = reply.await;
        TimedJoin {
            user_id,
            number,
            is_large,
            due,
            answered: Instant::now(),
            reply,
        }
    }
}

impl SteadyLoad {
    /// Stops the joins and waits for all replies, up to 30 s. They are in no particular order.
    pub async fn stop(self) -> Vec<TimedJoin> {
        self.stop.send_replace(true);
        match self.running.await {
            Ok(joins) => joins,
            Err(error) => panic!("the load ended early: {error}"),
        }
    }
}

impl TimedJoin {
    /// The time from its schedule to its reply: the server's time, and what it delayed.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.answered - self.due
    }
}
