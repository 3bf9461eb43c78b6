use user_metadata_events::{ClientId, ClientIp, IpSource, UnixMillis};
use user_metadata_ua::ClientHints;

/// What the upgrade said about a connection, small enough to keep as long as it is open.
///
/// Made by [`Capture::connection`](crate::Capture::connection). With the feature `axum` it is an
/// extractor.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionContext {
    pub(crate) client_id: ClientId,
    pub(crate) ip: Option<ClientIp>,
    pub(crate) ip_source: Option<IpSource>,
    pub(crate) user_agent: Option<Box<str>>,
    pub(crate) language: Option<Box<str>>,
    pub(crate) traceparent: Option<Box<str>>,
    /// Boxed: browsers send no hints with a WebSocket upgrade, so nearly all contexts have none.
    pub(crate) hints: Option<Box<ClientHints>>,
}

impl ConnectionContext {
    /// The longest User-Agent kept, in Unicode scalar values.
    pub const MAX_USER_AGENT: usize = 1_024;
    /// The longest language kept, in Unicode scalar values.
    pub const MAX_LANGUAGE: usize = 256;

    /// The connection's own id.
    #[must_use]
    pub const fn client_id(&self) -> ClientId {
        self.client_id
    }

    /// When the upgrade came: the time of the id.
    #[must_use]
    pub fn connection_time(&self) -> UnixMillis {
        self.client_id.timestamp()
    }

    /// Where the client connected from, as far as the privacy setting allows.
    #[must_use]
    pub const fn ip(&self) -> Option<&ClientIp> {
        self.ip.as_ref()
    }

    /// What the address was taken from; `None` where no address is kept.
    #[must_use]
    pub const fn ip_source(&self) -> Option<&IpSource> {
        self.ip_source.as_ref()
    }

    /// The `User-Agent` header.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// The `Accept-Language` header.
    #[must_use]
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// The `traceparent` header, if it is valid.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The client hints among the headers.
    #[must_use]
    pub fn hints(&self) -> Option<&ClientHints> {
        self.hints.as_deref()
    }
}
