use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service as _;
use user_metadata_consumer::{BoxError, SinkError};

use super::dialer::Dialer;
use super::trust::Trust;
use super::{Answer, Endpoint};
use crate::OpenError;

/// Posts JSON. Connections are reused; a redirect is a response like any other.
#[derive(Debug)]
pub(super) struct Client {
    inner: legacy::Client<HttpsConnector<Dialer>, Full<Bytes>>,
    connector: HttpsConnector<Dialer>,
    endpoint: Endpoint,
    timeout: Duration,
}

/// There was no response. Names the host alone, and nothing of the request.
#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error("{endpoint} does not answer")]
    NoAnswer {
        endpoint: Endpoint,
        #[source]
        source: BoxError,
    },
    #[error("{endpoint} has not answered within {timeout:?}")]
    TooLate {
        endpoint: Endpoint,
        timeout: Duration,
    },
}

/// The longest response that is read: the errors of 2,000 events fit.
const LONGEST_ANSWER: usize = 1 << 20;

impl Client {
    pub(super) fn new(
        endpoint: Endpoint,
        ca: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, OpenError> {
        let trust = match ca {
            Some(path) => Trust::File(path),
            None if endpoint.is_encrypted() => Trust::System,
            None => Trust::Nobody,
        };
        let dialer = Dialer::new(&endpoint, &Matcher::from_env())?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trust.to_tls()?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(dialer);
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .build(connector.clone());
        Ok(Self {
            inner,
            connector,
            endpoint,
            timeout,
        })
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Connects to the endpoint, and closes the connection.
    pub(super) async fn reach(&self) -> Result<(), SinkError> {
        let connecting = async {
            let mut connector = self.connector.clone();
            std::future::poll_fn(|context| connector.poll_ready(context)).await?;
            connector.call(self.endpoint.uri().clone()).await.map(drop)
        };
        self.answered(&self.endpoint, connecting).await
    }

    /// Posts `body` to `endpoint`, and reads the response.
    pub(super) async fn post(
        &self,
        endpoint: &Endpoint,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, SinkError> {
        let sending = self.send(endpoint, headers, body);
        self.answered(endpoint, sending).await
    }

    async fn answered<T>(
        &self,
        endpoint: &Endpoint,
        answer: impl Future<Output = Result<T, BoxError>>,
    ) -> Result<T, SinkError> {
        let error = match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(source)) => PostError::NoAnswer {
                endpoint: endpoint.clone(),
                source,
            },
            Err(_) => PostError::TooLate {
                endpoint: endpoint.clone(),
                timeout: self.timeout,
            },
        };
        Err(SinkError::unavailable(error))
    }

    async fn send(
        &self,
        endpoint: &Endpoint,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<Answer, BoxError> {
        let mut request = Request::post(endpoint.uri().clone()).body(Full::new(body.into()))?;
        *request.headers_mut() = headers;
        let agent = concat!("user-metadata/", env!("CARGO_PKG_VERSION"));
        let fixed = [(CONTENT_TYPE, "application/json"), (USER_AGENT, agent)];
        for (name, value) in fixed {
            let headers = request.headers_mut();
            headers.insert(name, HeaderValue::from_static(value));
        }
        let (head, body) = self.inner.request(request).await?.into_parts();
        let body = match Limited::new(body, LONGEST_ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Bytes::new(),
            Err(error) => return Err(error),
        };
        let now = SystemTime::now();
        Ok(Answer::new(head.status, &head.headers, now, body))
    }
}

/// Compresses a body, and sets the header that says so.
pub(super) fn gzip(body: &[u8], headers: &mut HeaderMap) -> Result<Vec<u8>, SinkError> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    let compressed = encoder.write_all(body).and_then(|()| encoder.finish());
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    compressed.map_err(SinkError::fatal)
}
