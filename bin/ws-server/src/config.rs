use std::net::SocketAddr;

use user_metadata_capture::{CaptureOptions, ClientIpHeader, ClientIpOptions, HashKey, IpPrivacy};
use user_metadata_cli::{Carrier, FlagError};
use user_metadata_publisher::PublisherOptions;
use user_metadata_ws::ServerOptions;

use crate::args::{
    Args, ClientIpArgs, IpHeader, IpPrivacyKind, LimitArgs, ListenArgs, OutboxKind, PublishArgs,
};
use crate::target::Target;

/// The validated flags. Nothing is open yet.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    /// Where events go, for people.
    pub(crate) topic: String,
    /// A warning to log at the start.
    pub(crate) warning: Option<&'static str>,
    pub(crate) target: Target,
    pub(crate) publisher: PublisherOptions,
    pub(crate) capture: CaptureOptions,
    pub(crate) server: ServerOptions,
}

impl TryFrom<Args> for Config {
    type Error = FlagError;

    fn try_from(args: Args) -> Result<Self, FlagError> {
        let ListenArgs {
            listen,
            admin_listen,
            ..
        } = args.listen;
        let topic = args.topic.check("ws-server")?;
        let is_kafka = matches!(topic.carrier, Carrier::Kafka(_));
        Ok(Self {
            listen,
            admin_listen,
            warning: topic.warning(),
            topic: topic.to_string(),
            target: Target::new(topic, &args.publish)?,
            publisher: publisher(args.publish, is_kafka)?,
            capture: capture(&args.client_ip)?,
            server: server(&args.listen, &args.limits)?,
        })
    }
}

fn publisher(args: PublishArgs, is_kafka: bool) -> Result<PublisherOptions, FlagError> {
    /// No event takes less memory, so that the limit is the bytes.
    const LEAST_EVENT_BYTES: usize = 512;
    /// With less, each event would wait for the disk.
    const LEAST_MEMORY_BYTES: usize = 4 << 20;
    let mut options = PublisherOptions::default();
    let max_bytes = match (args.outbox_max_bytes, args.outbox) {
        // The rest is only on disk.
        (Some(bytes), Some(OutboxKind::Disk) | None) if is_kafka => {
            let on_disk = bytes.as_usize();
            on_disk.max(LEAST_MEMORY_BYTES).min(options.max_bytes)
        }
        (Some(bytes), _) => bytes.as_usize(),
        (None, _) => options.max_bytes,
    };
    options.max_events = max_bytes.div_ceil(LEAST_EVENT_BYTES);
    options.max_bytes = max_bytes;
    options.linger = args.linger.get();
    options.source = args.source.map_or_else(default_source, checked_source)?;
    Ok(options)
}

/// A URI reference with the machine's name.
fn default_source() -> Result<String, FlagError> {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    let in_uri = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let name: String = name
        .chars()
        .map(|c| if in_uri(c) { c } else { '-' })
        .collect();
    Ok(format!("/ws-server/{name}"))
}

fn checked_source(source: String) -> Result<String, FlagError> {
    let in_uri = |c: char| c.is_ascii_graphic() && !r#""<>\^`{|}"#.contains(c);
    if source.is_empty() || !source.chars().all(in_uri) {
        let problem = format!(
            "`{}` is not a URI reference; write e.g. /ws-server/eu-1",
            source.escape_default()
        );
        return Err(FlagError::new("source", problem));
    }
    Ok(source)
}

fn capture(args: &ClientIpArgs) -> Result<CaptureOptions, FlagError> {
    let mut options = CaptureOptions::default();
    options.client_ip = client_ip(args)?;
    options.ip_privacy = ip_privacy(args)?;
    Ok(options)
}

fn client_ip(args: &ClientIpArgs) -> Result<ClientIpOptions, FlagError> {
    let alone = |flag| {
        let problem = "only the header of a trusted proxy is used; add the proxies, e.g. \
                       --trusted-proxy 10.0.0.0/8";
        FlagError::new(flag, problem)
    };
    if args.trusted_proxy.is_empty() {
        if args.client_ip_header.is_some() {
            return Err(alone("client-ip-header"));
        }
        if args.forwarded_hops.is_some() {
            return Err(alone("forwarded-hops"));
        }
    }
    let proxies = args.trusted_proxy.iter().map(|proxy| {
        let network = proxy.trim().parse();
        network.map_err(|error: user_metadata_capture::ParseCidrError| {
            FlagError::new("trusted-proxy", error.to_string())
        })
    });
    let mut options = ClientIpOptions::default();
    options.trusted_proxies = proxies.collect::<Result<_, _>>()?;
    options.header = match args.client_ip_header {
        None | Some(IpHeader::XForwardedFor) => ClientIpHeader::XForwardedFor,
        Some(IpHeader::Forwarded) => ClientIpHeader::Forwarded,
        Some(IpHeader::XRealIp) => ClientIpHeader::XRealIp,
    };
    options.hops = args.forwarded_hops;
    Ok(options)
}

fn ip_privacy(args: &ClientIpArgs) -> Result<IpPrivacy, FlagError> {
    let key_file = args.ip_hash_key_file.as_deref();
    match (args.ip_privacy, key_file) {
        (IpPrivacyKind::Hash, Some(path)) => {
            let refused = |problem| FlagError::new("ip-hash-key-file", problem);
            let key = std::fs::read(path)
                .map_err(|error| refused(format!("{}: {error}", path.display())))?;
            // Editors end files with a line break.
            let key = HashKey::new(key.trim_ascii_end());
            Ok(IpPrivacy::Hash(
                key.map_err(|error| refused(error.to_string()))?,
            ))
        }
        (IpPrivacyKind::Hash, None) => Err(FlagError::new(
            "ip-privacy",
            "hash needs a key; make one with `openssl rand -hex 32` and set its file with \
             --ip-hash-key-file",
        )),
        (_, Some(_)) => Err(FlagError::new(
            "ip-hash-key-file",
            "only --ip-privacy hash uses a key; set both or neither",
        )),
        (IpPrivacyKind::Full, None) => Ok(IpPrivacy::Full),
        (IpPrivacyKind::Truncate, None) => Ok(IpPrivacy::Truncate),
        (IpPrivacyKind::None, None) => Ok(IpPrivacy::None),
    }
}

fn server(listen: &ListenArgs, limits: &LimitArgs) -> Result<ServerOptions, FlagError> {
    let origins = listen.allowed_origin.iter().map(|origin| {
        let parsed = origin.trim().parse();
        parsed.map_err(|error: user_metadata_ws::ParseOriginError| {
            FlagError::new("allowed-origin", error.to_string())
        })
    });
    let mut options = ServerOptions::default();
    options.allowed_origins = origins.collect::<Result<_, _>>()?;
    options.demo_page = listen.demo_page || listen.listen.ip().is_loopback();
    options.max_connections = match limits.max_connections {
        Some(connections) => connections.get(),
        None => open_files() / 5 * 4,
    };
    options.max_connections_per_ip = limits.max_connections_per_ip.get();
    options.header_timeout = limits.header_timeout.get();
    options.join_timeout = limits.join_timeout.get();
    options.max_message_bytes = limits.max_message_bytes.as_usize();
    options.ping_interval = limits.ping_interval.get();
    options.pong_timeout = limits.pong_timeout.get();
    options.drain_timeout = limits.drain_timeout.get();
    Ok(options)
}

/// How many files this process may have open (`ulimit -n`).
pub(crate) fn open_files() -> usize {
    /// If there is no limit, memory is the limit.
    const UNLIMITED: usize = 1 << 20;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    limit.map_or(UNLIMITED, |limit| limit.min(UNLIMITED))
}

#[cfg(test)]
mod tests;
