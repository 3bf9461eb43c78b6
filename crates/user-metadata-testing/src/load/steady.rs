use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::ClientError;
use super::run::{connect, steady};

/// Joins at a steady rate, whatever becomes of them, by users who come again and again, until they
/// are told to stop. The username of each join is its number: how often this user has joined
/// before.
#[derive(Debug, Clone, Copy)]
pub struct SteadyJoins {
    /// Where the ws-server listens.
    pub address: SocketAddr,
    /// How many join in a second.
    pub per_second: u32,
    /// How many there are: `user-0` and so on, one after the other.
    pub users: u32,
    /// Each time after so many joins comes one of a user with a name as long as it may be, about
    /// 1 KiB; 0: never.
    pub large_every: u32,
}

/// A join, and what became of it.
#[derive(Debug, Clone)]
pub struct TimedJoin {
    /// Who joined.
    pub user_id: String,
    /// How often this user had joined before.
    pub number: u32,
    /// Whether it was one with a long name.
    pub is_large: bool,
    /// When it was its turn.
    pub due: Instant,
    /// When its reply was there, or it was given up.
    pub answered: Instant,
    /// The event's id from the reply, or why there was none.
    pub reply: Result<String, ClientError>,
}

/// The joins under way.
#[derive(Debug)]
pub struct SteadyLoad {
    stop: watch::Sender<bool>,
    running: JoinHandle<Vec<TimedJoin>>,
}

impl SteadyJoins {
    /// Begins, on the runtime that this is called on.
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
                // It ends with the one who could stop it, too.
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
            // 256 characters are allowed, of 4 bytes each at the most.
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
    /// Ends it: no more joins, and all replies are waited for, 30 s at the most. They come in no
    /// order.
    pub async fn stop(self) -> Vec<TimedJoin> {
        self.stop.send_replace(true);
        match self.running.await {
            Ok(joins) => joins,
            Err(error) => panic!("the load ended early: {error}"),
        }
    }
}

impl TimedJoin {
    /// How long after its turn its reply came: what the server took, and what it kept waiting.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.answered - self.due
    }
}
