//! What is answered over plain HTTP: the demo page, the browser client, health.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};

use crate::Readiness;

pub(crate) type Body = Full<Bytes>;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Scripts, styles and connections of the page's own host only, and nothing inline.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
/// Pages of other hosts may import the client, too.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// A file of the demo page.
pub(crate) fn demo(path: &str) -> Option<Response<Body>> {
    Some(match path {
        "/" => asset(HTML, include_bytes!("assets/index.html")),
        "/demo.css" => asset(CSS, include_bytes!("assets/demo.css")),
        "/demo.js" => asset(JAVASCRIPT, include_bytes!("assets/demo.js")),
        "/icon.svg" => asset(SVG, include_bytes!("assets/icon.svg")),
        "/client.js" => {
            let mut client = asset(JAVASCRIPT, include_bytes!("assets/client.js"));
            let headers = client.headers_mut();
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(
                CROSS_ORIGIN_RESOURCE_POLICY,
                HeaderValue::from_static("cross-origin"),
            );
            client
        }
        _ => return None,
    })
}

pub(crate) fn live() -> Response<Body> {
    no_store(respond(StatusCode::OK, JSON, r#"{"status":"live"}"#))
}

pub(crate) fn ready(readiness: &Readiness) -> Response<Body> {
    let status = match readiness {
        Readiness::Draining => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    no_store(respond(status, JSON, readiness.to_json().to_string()))
}

pub(crate) fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    no_store(respond(status, TEXT, text))
}

fn asset(content_type: &'static str, content: &'static [u8]) -> Response<Body> {
    let mut response = respond(StatusCode::OK, content_type, content);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn no_store(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
