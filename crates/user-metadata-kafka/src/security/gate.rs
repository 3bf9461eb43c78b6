//! What happens between a refused login and the next attempt: repeated attempts could lock the
//! account.

use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::Refusal;
use crate::KafkaOptions;

/// All that share these options log in one after the other, and after a refusal nobody tries again
/// for a while, however many ask.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<State>>);

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    refused: Option<(Refusal, Instant)>,
    /// Since the last successful login.
    refusals: usize,
}

/// Gates are state, not options: equal options may have different ones.
impl PartialEq for Gate {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Gate {}

impl Gate {
    /// Waits until no other login is in progress.
    ///
    /// # Errors
    ///
    /// A recent refusal, which would be repeated.
    pub(crate) async fn acquire(&self) -> Result<LoginPermit<'_>, Refusal> {
        let state = self.0.lock().await;
        match &state.refused {
            Some((refusal, until)) if Instant::now() < *until => Err(refusal.clone()),
            _ => Ok(LoginPermit(state)),
        }
    }

    /// Notes that a broker has refused a login that another accepted.
    pub(crate) async fn refused(&self, refusal: &Refusal, pause: Duration) {
        LoginPermit(self.0.lock().await).refused(refusal, pause);
    }
}

/// The right to try to log in.
#[derive(Debug)]
pub(crate) struct LoginPermit<'a>(MutexGuard<'a, State>);

impl LoginPermit<'_> {
    /// The brokers to use: after a refusal, one at a time. A client logs in to every broker that it
    /// is given, and each attempt would count.
    pub(crate) fn brokers<'b>(&self, brokers: &'b [String]) -> &'b [String] {
        match self.0.refusals {
            0 => brokers,
            refusals => brokers
                .chunks(1)
                .nth(refusals % brokers.len())
                .unwrap_or(brokers),
        }
    }

    /// Ends the attempt, and returns the refusal in its error, if there is one. A broker that does
    /// not respond does not refuse.
    pub(crate) fn finish(self, kafka: &KafkaOptions, error: Option<&dyn Error>) -> Option<Refusal> {
        let Some(error) = error else {
            self.accepted();
            return None;
        };
        let refusal = kafka.refusal(error)?;
        self.refused(&refusal, kafka.refusal_pause());
        Some(refusal)
    }

    fn accepted(mut self) {
        *self.0 = State::default();
    }

    fn refused(mut self, refusal: &Refusal, pause: Duration) {
        self.0.refusals += 1;
        self.0.refused = Some((refusal.clone(), Instant::now() + jittered(pause)));
    }
}

/// `pause`, less up to half of it at random, so that many processes do not come back at once.
fn jittered(pause: Duration) -> Duration {
    // The keys of a map's hasher are the standard library's source of random numbers.
    let random = RandomState::new().hash_one(pause);
    pause / 2 + pause.mul_f64(random as f64 / u64::MAX as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    fn refusal() -> Refusal {
        Refusal::BrokerCertificate("UnknownIssuer".to_owned())
    }

    async fn refuse(gate: &Gate) {
        gate.acquire().await.unwrap().refused(&refusal(), PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_nobody_tries_for_a_while_and_then_one_does() {
        let gate = Gate::default();
        refuse(&gate).await;
        let clone = gate.clone();
        for _ in 0..14 {
            assert_eq!(clone.acquire().await.unwrap_err(), refusal());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(PAUSE).await;
        let permit = clone.acquire().await.unwrap();
        let mut other = std::pin::pin!(gate.acquire());
        assert!(
            futures_poll(other.as_mut()).await.is_none(),
            "one at a time"
        );
        permit.refused(&refusal(), PAUSE);
        assert_eq!(other.await.unwrap_err(), refusal());
    }

    /// The result of the future, if it is ready.
    async fn futures_poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        tokio::time::timeout(Duration::from_millis(1), future)
            .await
            .ok()
    }

    #[tokio::test(start_paused = true)]
    async fn at_most_four_attempts_a_minute_however_many_ask() {
        let gate = Gate::default();
        let mut attempts = 0;
        for _ in 0..600 {
            if let Ok(permit) = gate.acquire().await {
                attempts += 1;
                permit.refused(&refusal(), PAUSE);
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!((2..=4).contains(&attempts), "{attempts}");
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_first_attempt_uses_every_broker() {
        let brokers = ["a:1", "b:2", "c:3"].map(str::to_owned);
        let gate = Gate::default();
        assert_eq!(gate.acquire().await.unwrap().brokers(&brokers), brokers);
        for broker in ["b:2", "c:3", "a:1"] {
            refuse(&gate).await;
            tokio::time::advance(PAUSE).await;
            assert_eq!(gate.acquire().await.unwrap().brokers(&brokers), [broker]);
        }
        gate.acquire().await.unwrap().accepted();
        assert_eq!(gate.acquire().await.unwrap().brokers(&brokers), brokers);
    }

    #[tokio::test]
    async fn an_outage_is_not_a_refusal() {
        let kafka = KafkaOptions::new(["a:1"]).unwrap();
        let outage = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let gate = Gate::default();
        let permit = gate.acquire().await.unwrap();
        assert_eq!(permit.finish(&kafka, Some(&outage)), None);
        gate.acquire().await.unwrap();
    }
}
