use std::time::Duration;

use crate::Origin;

/// What a [`Server`](crate::Server) allows. Every wait for a peer and every buffer has a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Pages of these origins may connect, besides those of the server's own host.
    pub allowed_origins: Vec<Origin>,
    /// The most connections at once; further ones are answered with 503. Default 10,000.
    pub max_connections: usize,
    /// The most connections at once from one IPv4 address or IPv6 `/64`; further ones are answered
    /// with 429. Loopback and trusted proxies are exempt. Default 4,096: a carrier's customers
    /// share addresses.
    pub max_connections_per_ip: usize,
    /// How long a connection may take until it is upgraded. Default 10 s.
    pub header_timeout: Duration,
    /// How long an upgraded connection may take to join. Default 10 s.
    pub join_timeout: Duration,
    /// The longest message, in bytes. Default 16 KiB.
    pub max_message_bytes: usize,
    /// How often a client is pinged, ±10 % so that not all are at once. Default 25 s.
    pub ping_interval: Duration,
    /// How long a client may take to answer a ping. Default 20 s.
    pub pong_timeout: Duration,
    /// How long a client may take to read what is sent to it. Default 5 s.
    pub write_timeout: Duration,
    /// How long [`Server::serve`](crate::Server::serve) may take to drain. Default 10 s.
    pub drain_timeout: Duration,
    /// Whether `/` is the demo page and `/client.js` the browser client. Default no.
    pub demo_page: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            max_connections: 10_000,
            max_connections_per_ip: 4_096,
            header_timeout: Duration::from_secs(10),
            join_timeout: Duration::from_secs(10),
            max_message_bytes: 16 << 10,
            ping_interval: Duration::from_secs(25),
            pong_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(10),
            demo_page: false,
        }
    }
}
