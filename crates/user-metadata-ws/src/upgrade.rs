//! Whether a request is upgraded, and what is answered if not.

use http_body_util::Full;
use hyper::header::{
    ALLOW, CONNECTION, HOST, HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{HeaderMap, Request, Response, StatusCode};
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::ServerOptions;
use crate::limits::Limit;
use crate::origin::is_allowed;
use crate::pages::{Body, text};

/// Why a request is not upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Method,
    NotWebSocket,
    Version,
    Malformed,
    Origin,
    Limit(Limit),
    Draining,
}

/// The upgrade response, if the request is a WebSocket handshake that may be upgraded.
pub(crate) fn check<B: hyper::body::Body>(
    request: &Request<B>,
    options: &ServerOptions,
) -> Result<Response<Body>, Refused> {
    let response =
        create_response_with_body(request, Full::default).map_err(|error| match error {
            Error::Protocol(ProtocolError::WrongHttpMethod) => Refused::Method,
            Error::Protocol(
                ProtocolError::WrongHttpVersion
                | ProtocolError::MissingConnectionUpgradeHeader
                | ProtocolError::MissingUpgradeWebSocketHeader,
            ) => Refused::NotWebSocket,
            Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => Refused::Version,
            _ => Refused::Malformed,
        })?;
    let headers = request.headers();
    // A body would be read as frames; of two Host or key headers, a proxy might use the other one.
    if !request.body().is_end_stream()
        || !is_single(headers, &HOST)
        || !is_single(headers, &SEC_WEBSOCKET_KEY)
    {
        return Err(Refused::Malformed);
    }
    if !is_allowed(headers, &options.allowed_origins) {
        return Err(Refused::Origin);
    }
    Ok(response)
}

fn is_single(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).into_iter().count() == 1
}

impl Refused {
    /// The reason as metrics name it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Method | Self::NotWebSocket | Self::Version | Self::Malformed => "handshake",
            Self::Origin => "origin",
            Self::Limit(limit) => limit.as_str(),
            Self::Draining => "draining",
        }
    }

    pub(crate) fn to_response(self) -> Response<Body> {
        let (status, words) = match self {
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "only GET is answered here\n",
            ),
            Self::NotWebSocket => (
                StatusCode::UPGRADE_REQUIRED,
                "this is a WebSocket endpoint\n",
            ),
            Self::Version => (
                StatusCode::UPGRADE_REQUIRED,
                "WebSocket version 13 is needed\n",
            ),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed WebSocket handshake\n"),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "pages of this origin may not connect\n",
            ),
            Self::Limit(Limit::Connections) => {
                (StatusCode::SERVICE_UNAVAILABLE, "too many connections\n")
            }
            Self::Limit(Limit::ConnectionsPerIp) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too many connections from your address\n",
            ),
            Self::Draining => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n"),
        };
        let mut response = text(status, words);
        let headers = response.headers_mut();
        match self {
            Self::Method => {
                headers.insert(ALLOW, HeaderValue::from_static("GET"));
            }
            Self::NotWebSocket | Self::Version => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            Self::Limit(_) | Self::Draining => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::Malformed | Self::Origin => {}
        }
        // A connection is not kept open after a refusal.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}
