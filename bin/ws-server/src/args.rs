use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args as Group, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};
use user_metadata_cli::{
    ByteSize, HumanDuration, LogArgs, TopicArgs, at_least_one, positive_duration, positive_size,
    socket_address, without_empty_variables,
};
#[cfg(feature = "kafka")]
use {crate::outbox::OutboxCommand, clap::Subcommand};

// One field per flag, nothing computed.
#[derive(Debug, Parser)]
#[command(
    name = "ws-server",
    version,
    args_conflicts_with_subcommands = true,
    about = "Publishes who connects over WebSocket, and from what: one event per join, to Kafka or an embedded log"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
    #[command(flatten, next_help_heading = "Where events go")]
    pub(crate) topic: TopicArgs,
    #[command(flatten)]
    pub(crate) publish: PublishArgs,
    #[command(flatten, next_help_heading = "Addresses of clients")]
    pub(crate) client_ip: ClientIpArgs,
    #[command(flatten, next_help_heading = "Limits")]
    pub(crate) limits: LimitArgs,
    #[command(flatten, next_help_heading = "Logs")]
    pub(crate) log: LogArgs,
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// Parses the command line and the environment; exits if they are invalid.
    pub(crate) fn read() -> Self {
        let matches = without_empty_variables(Self::command()).get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }
}

#[cfg(feature = "kafka")]
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Inspects the outbox, or delivers its events
    #[command(subcommand)]
    Outbox(OutboxCommand),
}

#[derive(Debug, Group)]
pub(crate) struct ListenArgs {
    /// Address for WebSocket clients and pages
    #[arg(
        long,
        env = "WS_SERVER_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "IP:PORT",
        value_parser = socket_address
    )]
    pub(crate) listen: SocketAddr,
    /// Address for operators: /metrics, /status, /livez and /readyz
    #[arg(
        long,
        env = "WS_SERVER_ADMIN_LISTEN",
        default_value = "127.0.0.1:9464",
        value_name = "IP:PORT",
        value_parser = socket_address
    )]
    pub(crate) admin_listen: SocketAddr,
    /// Serve the demo page even if --listen is not loopback
    #[arg(long, env = "WS_SERVER_DEMO_PAGE")]
    pub(crate) demo_page: bool,
    /// Origin whose pages may connect, in addition to the same host (repeat, or separate by commas)
    #[arg(
        long,
        env = "WS_SERVER_ALLOWED_ORIGIN",
        value_delimiter = ',',
        value_name = "URL"
    )]
    pub(crate) allowed_origin: Vec<String>,
}

#[derive(Debug, Group)]
pub(crate) struct PublishArgs {
    /// Where accepted events wait for Kafka [default: disk with --brokers]
    #[arg(long, env = "WS_SERVER_OUTBOX", value_enum)]
    pub(crate) outbox: Option<OutboxKind>,
    /// Maximum size of the outbox; beyond it new events are dropped and counted [default: 1GiB on
    /// disk, 64MiB in memory]
    #[arg(
        long,
        env = "WS_SERVER_OUTBOX_MAX_BYTES",
        value_name = "SIZE",
        value_parser = positive_size
    )]
    pub(crate) outbox_max_bytes: Option<ByteSize>,
    /// How long an event may wait for others, to be sent in one request
    #[arg(
        long,
        env = "WS_SERVER_LINGER",
        default_value = "5ms",
        value_name = "TIME"
    )]
    pub(crate) linger: HumanDuration,
    /// Compression of batches of 64 KiB and more, to Kafka
    #[arg(long, env = "WS_SERVER_COMPRESSION", value_enum, default_value = "lz4")]
    pub(crate) compression: CompressionKind,
    /// Names this producer in the events' `ce_source` header [default: /ws-server/HOSTNAME]
    #[arg(long, env = "WS_SERVER_SOURCE", value_name = "URI")]
    pub(crate) source: Option<String>,
    /// How long the embedded log keeps events
    #[arg(
        long,
        env = "WS_SERVER_LOG_RETENTION",
        default_value = "7d",
        value_name = "TIME",
        value_parser = positive_duration
    )]
    pub(crate) log_retention: HumanDuration,
    /// Maximum size of the embedded log; the oldest events are deleted first
    #[arg(
        long,
        env = "WS_SERVER_LOG_MAX_BYTES",
        default_value = "1GiB",
        value_name = "SIZE"
    )]
    pub(crate) log_max_bytes: ByteSize,
    /// What the embedded log and the outbox survive: `normal` a crash, `full` also a power cut
    #[arg(long, env = "WS_SERVER_LOG_SYNC", value_enum, default_value = "normal")]
    pub(crate) log_sync: SyncKind,
}

#[derive(Debug, Group)]
pub(crate) struct ClientIpArgs {
    /// Network of proxies whose forwarding header is trusted (repeat, or separate by commas)
    #[arg(
        long,
        env = "WS_SERVER_TRUSTED_PROXY",
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    pub(crate) trusted_proxy: Vec<String>,
    /// The header that trusted proxies set [default: x-forwarded-for]
    #[arg(long, env = "WS_SERVER_CLIENT_IP_HEADER", value_enum)]
    pub(crate) client_ip_header: Option<IpHeader>,
    /// Number of proxies in front of this server, if only the address of the nearest is known: take
    /// the N-th address from the right
    #[arg(
        long,
        env = "WS_SERVER_FORWARDED_HOPS",
        value_name = "N",
        value_parser = at_least_one::<NonZeroUsize>
    )]
    pub(crate) forwarded_hops: Option<NonZeroUsize>,
    /// How much of a client's address is published
    #[arg(long, env = "WS_SERVER_IP_PRIVACY", value_enum, default_value = "full")]
    pub(crate) ip_privacy: IpPrivacyKind,
    /// File with the secret key for `--ip-privacy hash`, at least 16 bytes
    #[arg(long, env = "WS_SERVER_IP_HASH_KEY_FILE", value_name = "FILE")]
    pub(crate) ip_hash_key_file: Option<PathBuf>,
}

#[derive(Debug, Group)]
pub(crate) struct LimitArgs {
    /// Maximum number of connections [default: 80 % of the file descriptors that this process may
    /// open]
    #[arg(
        long,
        env = "WS_SERVER_MAX_CONNECTIONS",
        value_name = "N",
        value_parser = at_least_one::<NonZeroUsize>
    )]
    pub(crate) max_connections: Option<NonZeroUsize>,
    /// Maximum number of connections from one IPv4 address or IPv6 /64; loopback and trusted proxies
    /// are exempt
    #[arg(
        long,
        env = "WS_SERVER_MAX_CONNECTIONS_PER_IP",
        default_value = "4096",
        value_name = "N",
        value_parser = at_least_one::<NonZeroUsize>
    )]
    pub(crate) max_connections_per_ip: NonZeroUsize,
    /// Time for the upgrade request to arrive, after the connection
    #[arg(
        long,
        env = "WS_SERVER_HEADER_TIMEOUT",
        default_value = "10s",
        value_name = "TIME",
        value_parser = positive_duration
    )]
    pub(crate) header_timeout: HumanDuration,
    /// Time for the join to arrive, after the upgrade
    #[arg(
        long,
        env = "WS_SERVER_JOIN_TIMEOUT",
        default_value = "10s",
        value_name = "TIME",
        value_parser = positive_duration
    )]
    pub(crate) join_timeout: HumanDuration,
    /// Maximum size of a message
    #[arg(
        long,
        env = "WS_SERVER_MAX_MESSAGE_BYTES",
        default_value = "16KiB",
        value_name = "SIZE",
        value_parser = positive_size
    )]
    pub(crate) max_message_bytes: ByteSize,
    /// How often a connection is pinged
    #[arg(
        long,
        env = "WS_SERVER_PING_INTERVAL",
        default_value = "25s",
        value_name = "TIME",
        value_parser = positive_duration
    )]
    pub(crate) ping_interval: HumanDuration,
    /// Time for the pong to arrive, after a ping
    #[arg(
        long,
        env = "WS_SERVER_PONG_TIMEOUT",
        default_value = "20s",
        value_name = "TIME",
        value_parser = positive_duration
    )]
    pub(crate) pong_timeout: HumanDuration,
    /// Time for connections to close and for events to be delivered at a shutdown
    #[arg(
        long,
        env = "WS_SERVER_DRAIN_TIMEOUT",
        default_value = "10s",
        value_name = "TIME"
    )]
    pub(crate) drain_timeout: HumanDuration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutboxKind {
    /// In memory: lost when the process ends
    Memory,
    /// In --data-dir: survives a crash, and is delivered after the next start
    Disk,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CompressionKind {
    None,
    Lz4,
    Zstd,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SyncKind {
    Normal,
    Full,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum IpHeader {
    #[value(name = "x-forwarded-for")]
    XForwardedFor,
    Forwarded,
    #[value(name = "x-real-ip")]
    XRealIp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IpPrivacyKind {
    /// The whole address
    Full,
    /// Host bits zero: /24, /48
    Truncate,
    /// 32 hexadecimal digits of a keyed hash
    Hash,
    /// No address
    None,
}
