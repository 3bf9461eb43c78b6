use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, header};
use user_metadata_events::{ClientId, ConnectionInfo, EventId, Metadata, UserMetadataEvent};
use user_metadata_ua::{CacheOptions, ClientHints, HintsUse, Parser};

use crate::agent::agent;
use crate::metrics::{CacheMetrics, HintMetrics};
use crate::text::header_text;
use crate::trace::traceparent;
use crate::{ClientIpOptions, ConnectionContext, IpPrivacy, Join};

/// Turns upgrades into contexts and joins into events. Cheap to clone; one is enough for a program.
///
/// The default trusts no proxy, keeps the whole address and parses with a cache. Metrics go to the recorder that is
/// installed when it is made.
#[derive(Clone)]
pub struct Capture {
    shared: Arc<Shared>,
}

struct Shared {
    parser: Parser,
    options: CaptureOptions,
    hints: HintMetrics,
    cache: CacheMetrics,
}

/// How a [`Capture`] treats addresses.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CaptureOptions {
    /// How the client's address is found.
    pub client_ip: ClientIpOptions,
    /// How much of it is kept.
    pub ip_privacy: IpPrivacy,
}

impl Capture {
    /// Captures with this parser and these options.
    #[must_use]
    pub fn new(parser: Parser, options: CaptureOptions) -> Self {
        Self {
            shared: Arc::new(Shared {
                parser,
                options,
                hints: HintMetrics::new(),
                cache: CacheMetrics::new(),
            }),
        }
    }

    /// Whether the options trust the forwarding header of `peer`.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.shared.options.client_ip.trusts(peer)
    }

    /// Takes from an upgrade what a later event needs. Odd headers are data, never an error.
    ///
    /// `peer` is the socket's other end; the time of `client_id` is the time of the upgrade. The
    /// address is reduced as [`IpPrivacy`] says before it gets into the context.
    #[must_use]
    pub fn connection(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
        client_id: ClientId,
    ) -> ConnectionContext {
        let CaptureOptions {
            client_ip,
            ip_privacy,
        } = &self.shared.options;
        let (address, source) = client_ip.find(headers, peer);
        let ip = ip_privacy.apply(address);
        ConnectionContext {
            client_id,
            ip_source: ip.is_some().then_some(source),
            ip,
            user_agent: header_text(
                headers,
                &header::USER_AGENT,
                ConnectionContext::MAX_USER_AGENT,
            ),
            language: header_text(
                headers,
                &header::ACCEPT_LANGUAGE,
                ConnectionContext::MAX_LANGUAGE,
            ),
            traceparent: traceparent(headers),
            hints: header_hints(headers),
        }
    }

    /// The event of a join on that connection. The time of `id` is the time of the join.
    ///
    /// The User-Agent is parsed here, once. It takes microseconds, and a fraction of one if the
    /// answer is in the parser's cache.
    #[must_use]
    pub fn event(&self, context: &ConnectionContext, join: Join, id: EventId) -> UserMetadataEvent {
        let mut metadata = self.describe(context, &join.hints);
        metadata.screen = join.screen;
        metadata.timezone = join.timezone;
        let mut connection = ConnectionInfo::new(context.client_id);
        connection.ip_address = context.ip.clone();
        connection.ip_source = context.ip_source.clone();
        UserMetadataEvent::new(id, join.user, metadata, connection)
    }

    /// What is known of the connection before a join.
    #[must_use]
    pub fn metadata(&self, context: &ConnectionContext) -> Metadata {
        self.describe(context, &ClientHints::default())
    }

    fn describe(&self, context: &ConnectionContext, claimed: &ClientHints) -> Metadata {
        let hints = match context.hints() {
            Some(sent) => &sent.clone().or(claimed.clone()),
            None => claimed,
        };
        let user_agent = context.user_agent();
        let Shared { parser, .. } = &*self.shared;
        let client = parser.parse(user_agent.unwrap_or_default(), hints);
        self.shared.cache.record(parser.cache_stats());
        match client.hints {
            HintsUse::Used => self.shared.hints.used.increment(1),
            HintsUse::Contradicted => self.shared.hints.contradicted.increment(1),
            _ => {}
        }
        let mut metadata = Metadata::default();
        metadata.ip = context.ip.clone();
        metadata.user_agent = user_agent.map(str::to_owned);
        metadata.browser = client.browser_label();
        metadata.os = client.os_label();
        metadata.device = client.device_label().map(str::to_owned);
        metadata.language = context.language().map(str::to_owned);
        metadata.claimed_hints = client.hints == HintsUse::Used && !claimed.is_empty();
        metadata.agent = agent(client);
        metadata
    }
}

impl Default for Capture {
    fn default() -> Self {
        let parser = Parser::new().cached(CacheOptions::default());
        Self::new(parser, CaptureOptions::default())
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

/// The client hints among the headers, where there are any and none is too long. Browsers send
/// none with a WebSocket upgrade, but proxies and other clients may.
fn header_hints(headers: &HeaderMap) -> Option<Box<ClientHints>> {
    let mut hints = ClientHints::default();
    for (name, value) in headers {
        let name = name.as_str();
        let is_hint = name.starts_with("sec-ch-ua") || name == "x-requested-with";
        if let Some(value) = value.to_str().ok().filter(|_| is_hint) {
            hints.set_header(name, value);
        }
    }
    (!hints.is_empty() && hints.validate().is_ok()).then(|| Box::new(hints))
}
