use std::fmt;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::target::target;

/// A TCP port of the loopback address that nothing listens on and no other test gets while this
/// is alive: for programs that must be found again on the same port after a restart.
///
/// It lies below the system's ephemeral ports: a client that retries the ephemeral port of a dead
/// program could be assigned that port itself, and connect to itself.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;

impl Port {
    /// Takes a free port.
    #[must_use]
    pub fn free() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let start = std::process::id() % u32::from(COUNT) * 7;
        (0..COUNT)
            .map(|_| u32::from(NEXT.fetch_add(1, Ordering::Relaxed)))
            .filter_map(|next| u16::try_from((start + next) % u32::from(COUNT)).ok())
            .find_map(|index| Self::take(FIRST + index))
            .unwrap_or_else(|| panic!("no port is free on 127.0.0.1"))
    }

    fn take(number: u16) -> Option<Self> {
        let lock = File::create(target("ports").join(number.to_string())).ok()?;
        lock.try_lock().ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self {
            number,
            _lock: lock,
        })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.number
    }

    /// The address to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}

/// The address as flags take it: `127.0.0.1:15000`.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tests_get_the_same_port_and_it_can_be_bound() {
        let ports: Vec<Port> = (0..50).map(|_| Port::free()).collect();
        let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 50);
        for port in &ports {
            assert!(Port::take(port.number()).is_none());
            TcpListener::bind(port.address()).unwrap();
        }
    }
}
