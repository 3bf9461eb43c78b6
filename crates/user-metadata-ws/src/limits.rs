use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::{info, warn};

/// Counts connections, in total and by address.
#[derive(Debug)]
pub(crate) struct Limits {
    max: usize,
    max_per_ip: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    open: usize,
    refusals: usize,
    by_network: HashMap<IpAddr, usize>,
    is_full: bool,
}

/// A connection's place in the counts, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    limits: Arc<Limits>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Admitted(Option<IpAddr>),
    Refused(Limit),
}

/// The limit that a connection exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// On all connections.
    Connections,
    /// On the connections of one address.
    ConnectionsPerIp,
}

impl Limits {
    /// How many connections over the limit get an answer at the same time; further ones are just
    /// closed.
    const MAX_REFUSALS: usize = 64;

    pub(crate) fn new(max: usize, max_per_ip: usize) -> Self {
        Self {
            max,
            max_per_ip,
            counts: Mutex::default(),
        }
    }

    /// Counts a connection of `peer`; `is_exempt` is for the limit by address. An error if it can't
    /// even be answered that it is refused.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr, is_exempt: bool) -> Result<Place, Limit> {
        let network = (!is_exempt).then(|| network(peer));
        let mut counts = self.lock();
        let kind = match self.admit(&mut counts, network) {
            Ok(()) => Kind::Admitted(network),
            Err(limit) if counts.refusals >= Self::MAX_REFUSALS => return Err(limit),
            Err(limit) => {
                counts.refusals += 1;
                Kind::Refused(limit)
            }
        };
        Ok(Place {
            limits: Arc::clone(self),
            kind,
        })
    }

    fn admit(&self, counts: &mut Counts, network: Option<IpAddr>) -> Result<(), Limit> {
        if counts.open >= self.max {
            if !std::mem::replace(&mut counts.is_full, true) {
                warn!(
                    max_connections = self.max,
                    "too many connections: refusing new ones"
                );
            }
            return Err(Limit::Connections);
        }
        if let Some(network) = network {
            let connections = counts.by_network.entry(network).or_default();
            if *connections >= self.max_per_ip {
                return Err(Limit::ConnectionsPerIp);
            }
            *connections += 1;
        }
        counts.open += 1;
        Ok(())
    }

    fn leave(&self, kind: &Kind) {
        let mut counts = self.lock();
        let Kind::Admitted(network) = *kind else {
            counts.refusals -= 1;
            return;
        };
        counts.open -= 1;
        // The incident is over only well below the limit, so that it does not begin again with each
        // connection.
        if counts.is_full && counts.open < self.max - self.max / 10 {
            counts.is_full = false;
            info!(connections = counts.open, "accepting connections again");
        }
        if let Some(network) = network
            && let Entry::Occupied(mut entry) = counts.by_network.entry(network)
        {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What shares a limit: an IPv4 address, or the `/64` that one IPv6 customer has at least.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Place {
    /// The limit that forbids an upgrade, if there is one.
    pub(crate) const fn exceeded(&self) -> Option<Limit> {
        match self.kind {
            Kind::Admitted(_) => None,
            Kind::Refused(limit) => Some(limit),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.limits.leave(&self.kind);
    }
}

impl Limit {
    /// The reason as metrics name it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "max_connections",
            Self::ConnectionsPerIp => "max_connections_per_ip",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(max: usize, max_per_ip: usize) -> Arc<Limits> {
        Arc::new(Limits::new(max, max_per_ip))
    }

    fn enter(limits: &Arc<Limits>, peer: &str) -> (Option<Limit>, Place) {
        let place = limits.enter(peer.parse().unwrap(), false).unwrap();
        (place.exceeded(), place)
    }

    #[test]
    fn a_place_that_is_left_is_free_again() {
        let limits = limits(1, 9);
        let (first, place) = enter(&limits, "192.0.2.1");
        let (second, refused) = enter(&limits, "192.0.2.2");
        assert_eq!((first, second), (None, Some(Limit::Connections)));
        drop((place, refused));
        assert_eq!(enter(&limits, "192.0.2.2").0, None);
        let counts = limits.lock();
        assert_eq!(
            (counts.open, counts.refusals, counts.by_network.len()),
            (0, 0, 0)
        );
    }

    #[test]
    fn an_ipv6_customer_is_a_64_and_ipv4_is_ipv4_however_written() {
        let limits = limits(9, 1);
        let (_, _one) = enter(&limits, "2001:db8:1:2::3");
        assert_eq!(
            enter(&limits, "2001:db8:1:2:ffff::9").0,
            Some(Limit::ConnectionsPerIp)
        );
        assert_eq!(enter(&limits, "2001:db8:1:3::3").0, None);
        let (_, _two) = enter(&limits, "192.0.2.1");
        assert_eq!(
            enter(&limits, "::ffff:192.0.2.1").0,
            Some(Limit::ConnectionsPerIp)
        );
    }

    #[test]
    fn exempt_peers_count_only_in_total() {
        let limits = limits(3, 1);
        let peer = "127.0.0.1".parse().unwrap();
        let places: Vec<_> = (0..4).map(|_| limits.enter(peer, true).unwrap()).collect();
        let exceeded: Vec<_> = places.iter().map(Place::exceeded).collect();
        assert_eq!(exceeded, [None, None, None, Some(Limit::Connections)]);
    }

    #[test]
    fn only_a_bounded_number_of_refusals_is_answered_at_the_same_time() {
        let limits = limits(9, 1);
        let (_, _place) = enter(&limits, "192.0.2.1");
        let answered = [(); Limits::MAX_REFUSALS].map(|()| enter(&limits, "192.0.2.1"));
        assert!(
            answered
                .iter()
                .all(|(limit, _)| *limit == Some(Limit::ConnectionsPerIp))
        );
        let cut = limits.enter("192.0.2.1".parse().unwrap(), false);
        assert_eq!(cut.unwrap_err(), Limit::ConnectionsPerIp);
    }
}
