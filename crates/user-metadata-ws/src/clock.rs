use std::time::Duration;

use tokio::time::Instant;
use user_metadata_capture::ClientId;

use crate::ServerOptions;
use crate::end::End;

/// Longer than any session. Beyond it, adding durations could overflow.
const LONG: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The timers of a session: what is due if its client sends nothing.
#[derive(Debug)]
pub(crate) struct SessionClock {
    join_by: Option<Instant>,
    close_at: Option<Instant>,
    liveness: Liveness,
    ping_interval: Duration,
    pong_timeout: Duration,
    /// From 0 to 1, different for each connection.
    jitter: f64,
}

#[derive(Debug, Clone, Copy)]
enum Liveness {
    PingAt(Instant),
    PongBy(Instant),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Ping,
    End(End),
}

impl SessionClock {
    /// The clock of a session that began at `start`; the random part of its id is the jitter.
    pub(crate) fn new(options: &ServerOptions, start: Instant, client_id: ClientId) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the low bits are what is random"
        )]
        let random = client_id.to_u128() as u32;
        let jitter = f64::from(random) / f64::from(u32::MAX);
        let ping_interval = options.ping_interval.min(LONG).mul_f64(0.9 + 0.2 * jitter);
        Self {
            join_by: Some(later(start, options.join_timeout)),
            close_at: None,
            liveness: Liveness::PingAt(later(start, ping_interval)),
            ping_interval,
            pong_timeout: options.pong_timeout,
            jitter,
        }
    }

    /// When to check the clock again at the latest.
    pub(crate) fn next(&self) -> Instant {
        let (Liveness::PingAt(at) | Liveness::PongBy(at)) = self.liveness;
        let sooner = |at: Instant, other: Option<Instant>| other.map_or(at, |other| other.min(at));
        sooner(sooner(at, self.join_by), self.close_at)
    }

    /// What is due. A ping that is due counts as sent.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Due> {
        if self.close_at.is_some_and(|at| at <= now) {
            return Some(Due::End(End::Drain));
        }
        if self.join_by.is_some_and(|by| by <= now) {
            return Some(Due::End(End::JoinTimeout));
        }
        match self.liveness {
            Liveness::PongBy(by) if by <= now => Some(Due::End(End::Silent)),
            Liveness::PingAt(at) if at <= now => {
                self.liveness = Liveness::PongBy(later(now, self.pong_timeout));
                Some(Due::Ping)
            }
            _ => None,
        }
    }

    /// Any message shows that the client is alive.
    pub(crate) fn heard(&mut self, now: Instant) {
        if let Liveness::PongBy(_) = self.liveness {
            self.liveness = Liveness::PingAt(later(now, self.ping_interval));
        }
    }

    pub(crate) fn joined(&mut self) {
        self.join_by = None;
    }

    /// Closes within `spread`, at a time that differs from session to session.
    pub(crate) fn close_within(&mut self, spread: Duration) {
        self.close_at = Some(later(Instant::now(), spread.mul_f64(self.jitter)));
    }
}

/// `from` plus `duration`, however long that is.
fn later(from: Instant, duration: Duration) -> Instant {
    from + duration.min(LONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock(start: Instant, random: u128) -> SessionClock {
        SessionClock::new(
            &ServerOptions::default(),
            start,
            ClientId::from_u128(random),
        )
    }

    #[test]
    fn a_session_that_does_not_join_ends() {
        let start = Instant::now();
        let mut clock = clock(start, 0);
        assert_eq!(clock.next(), start + 10 * SECOND);
        assert_eq!(clock.due(start + 9 * SECOND), None);
        assert_eq!(
            clock.due(start + 10 * SECOND),
            Some(Due::End(End::JoinTimeout))
        );
    }

    #[test]
    fn pings_are_spread_and_must_be_answered() {
        let start = Instant::now();
        for (random, after) in [(0, 22.5), (u128::MAX, 27.5)] {
            let mut clock = clock(start, random);
            clock.joined();
            let ping = start + SECOND.mul_f64(after);
            assert_eq!(clock.next(), ping);
            assert_eq!(clock.due(ping), Some(Due::Ping));
            assert_eq!(clock.due(ping + 19 * SECOND), None);
            assert_eq!(clock.due(ping + 20 * SECOND), Some(Due::End(End::Silent)));
            clock.heard(ping + 20 * SECOND);
            assert_eq!(clock.next(), ping + 20 * SECOND + SECOND.mul_f64(after));
        }
    }

    #[test]
    fn draining_closes_each_session_at_a_moment_of_its_own() {
        let start = Instant::now();
        let mut clock = clock(start, u128::from(u32::MAX / 2));
        clock.close_within(4 * SECOND);
        let at = clock.next();
        assert!(at >= start + SECOND && at <= Instant::now() + 2 * SECOND);
        assert_eq!(clock.due(at), Some(Due::End(End::Drain)));
    }

    #[test]
    fn endless_durations_are_only_long() {
        let options = ServerOptions {
            ping_interval: Duration::MAX,
            join_timeout: Duration::MAX,
            ..ServerOptions::default()
        };
        let clock = SessionClock::new(&options, Instant::now(), ClientId::from_u128(u128::MAX));
        assert!(clock.next() > Instant::now() + 300 * 24 * 60 * 60 * SECOND);
    }
}
