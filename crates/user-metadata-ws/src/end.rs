use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::protocol::Problem;

/// Why a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The client closed.
    Closed,
    /// The connection broke without a close frame.
    Lost,
    /// The client does not read.
    Slow,
    /// The client does not answer pings.
    Silent,
    JoinTimeout,
    TooLarge,
    Binary,
    Protocol,
    InvalidUtf8,
    /// The server is shutting down.
    Drain,
}

impl End {
    /// The end that an error of the socket means. Tungstenite itself sends no close code.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::TooLarge,
            Error::Utf8(_) => Self::InvalidUtf8,
            Error::ConnectionClosed | Error::AlreadyClosed => Self::Closed,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Lost,
            Error::Protocol(_) => Self::Protocol,
            Error::WriteBufferFull(_) => Self::Slow,
            _ => Self::Lost,
        }
    }

    /// The reason as metrics name it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "client",
            Self::Lost => "lost",
            Self::Slow => "slow_reader",
            Self::Silent => "pong_timeout",
            Self::JoinTimeout => "join_timeout",
            Self::TooLarge => "too_large",
            Self::Binary => "binary",
            Self::Protocol => "protocol_error",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Drain => "drain",
        }
    }

    /// The close frame, if the client can still receive one.
    pub(crate) const fn close_frame(self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Closed | Self::Lost | Self::Slow => return None,
            Self::Silent => (CloseCode::Away, "no answer to ping"),
            Self::JoinTimeout => (CloseCode::Policy, "join timeout"),
            Self::TooLarge => (CloseCode::Size, "message too large"),
            Self::Binary => (CloseCode::Unsupported, "text frames only"),
            Self::Protocol => (CloseCode::Protocol, "protocol error"),
            Self::InvalidUtf8 => (CloseCode::Invalid, "invalid UTF-8"),
            Self::Drain => (CloseCode::Away, "server is shutting down"),
        };
        Some(CloseFrame {
            code,
            reason: Utf8Bytes::from_static(reason),
        })
    }

    /// The `error` frame that is sent before the close frame.
    pub(crate) const fn problem(self) -> Option<Problem> {
        match self {
            Self::JoinTimeout => Some(Problem::new("join_timeout", "send a join in time")),
            Self::TooLarge => Some(Problem::new("too_large", "message is too large")),
            Self::Binary => Some(Problem::new("unsupported_data", "send text frames")),
            _ => None,
        }
    }
}
