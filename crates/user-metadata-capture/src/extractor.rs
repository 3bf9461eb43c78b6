use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::ConnectionContext;

/// The request reached a handler without a [`ConnectionContext`]: the layer that makes it is
/// missing. Answered with 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no connection context: add a CaptureLayer to the router, and serve it with \
     into_make_service_with_connect_info::<SocketAddr>()"
)]
pub struct NoConnectionContext;

impl IntoResponse for NoConnectionContext {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.to_string()).into_response()
    }
}

/// Takes what [`CaptureLayer`](crate::CaptureLayer) captured.
impl<S: Sync> FromRequestParts<S> for ConnectionContext {
    type Rejection = NoConnectionContext;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoConnectionContext> {
        parts.extensions.get().cloned().ok_or(NoConnectionContext)
    }
}
