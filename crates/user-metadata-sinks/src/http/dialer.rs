use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use user_metadata_consumer::BoxError;

use super::Endpoint;
use crate::OpenError;

/// Connects to an endpoint: directly, or through a proxy with CONNECT (RFC 9110 §9.3.6).
#[derive(Debug, Clone)]
pub(super) struct Dialer {
    tcp: HttpConnector,
    proxy: Option<Proxy>,
}

#[derive(Debug, Clone)]
struct Proxy {
    tunnel: Tunnel<HttpConnector>,
    /// For errors: its address without user and password.
    shown: Endpoint,
}

#[derive(Debug, thiserror::Error)]
#[error("the proxy {shown} (HTTPS_PROXY) gives no way through")]
struct ProxyError {
    shown: Endpoint,
    source: BoxError,
}

impl Dialer {
    /// `proxies` is consulted only for encrypted connections: a proxy could read the others.
    pub(super) fn new(endpoint: &Endpoint, proxies: &Matcher) -> Result<Self, OpenError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(60)));
        let intercept = match endpoint.is_encrypted() {
            true => proxies.intercept(endpoint.uri()),
            false => None,
        };
        let Some(intercept) = intercept else {
            return Ok(Self { tcp, proxy: None });
        };
        if intercept.uri().scheme_str() != Some("http") {
            return Err(OpenError::Proxy);
        }
        let mut tunnel = Tunnel::new(intercept.uri().clone(), tcp.clone());
        if let Some(auth) = intercept.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let shown = Endpoint::new(&intercept.uri().to_string())?;
        let proxy = Some(Proxy { tunnel, shown });
        Ok(Self { tcp, proxy })
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // A tunnel is as ready as its connector, which is a clone of this one.
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match &mut self.proxy {
            Some(Proxy { tunnel, shown }) => {
                let connecting = tunnel.call(to);
                let shown = shown.clone();
                Box::pin(async move {
                    let connected = connecting.await;
                    connected.map_err(|error| {
                        let source = error.into();
                        ProxyError { shown, source }.into()
                    })
                })
            }
            None => {
                let connecting = self.tcp.call(to);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    const VENDOR: &str = "https://vendor.example/path?key=swordfish";

    /// Answers CONNECT with `status`, and acts as the other end itself, which echoes what it gets.
    /// Returns the request's lines.
    async fn proxy(listener: TcpListener, status: u16) -> Vec<String> {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            match line.trim_end() {
                "" => break,
                line => head.push(line.to_owned()),
            }
        }
        let answer = format!("HTTP/1.1 {status} Whatever\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        tokio::spawn(async move {
            let mut heard = [0; 5];
            if stream.read_exact(&mut heard).await.is_ok() {
                stream.write_all(&heard).await.unwrap();
            }
        });
        head
    }

    fn dialer(matcher: &Matcher) -> Result<Dialer, OpenError> {
        Dialer::new(&Endpoint::new(VENDOR).unwrap(), matcher)
    }

    #[tokio::test]
    async fn an_encrypted_connection_goes_through_the_proxy() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://us%40er:pass@{}", listener.local_addr().unwrap());
        let matcher = Matcher::builder().https(address).build();
        let mut dialer = dialer(&matcher).unwrap();
        let (head, stream) =
            tokio::join!(proxy(listener, 200), dialer.call(Uri::from_static(VENDOR)));
        assert_eq!(
            head,
            [
                "CONNECT vendor.example:443 HTTP/1.1",
                "Host: vendor.example:443",
                "Proxy-Authorization: Basic dXNAZXI6cGFzcw==",
            ]
        );
        let mut stream = stream.unwrap().into_inner();
        stream.write_all(b"hello").await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_named_without_its_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let matcher = Matcher::builder().https(format!("http://user:swordfish@{address}"));
        let mut dialer = dialer(&matcher.build()).unwrap();
        let (_, refused) =
            tokio::join!(proxy(listener, 407), dialer.call(Uri::from_static(VENDOR)));
        let error = refused.unwrap_err();
        assert_eq!(
            format!("{error}: {}", error.source().unwrap()),
            format!(
                "the proxy http://{address} (HTTPS_PROXY) gives no way through: tunnel error: proxy \
                 authorization required"
            )
        );
    }

    #[test]
    fn hosts_that_are_excepted_and_connections_that_are_not_encrypted_have_no_proxy() {
        let proxied = || Matcher::builder().all("http://proxy.example:3128");
        let through = |matcher: Matcher, endpoint: &str| {
            let dialer = Dialer::new(&Endpoint::new(endpoint).unwrap(), &matcher);
            dialer.unwrap().proxy.is_some()
        };
        assert!(through(proxied().build(), VENDOR));
        assert!(!through(proxied().no("example").build(), VENDOR));
        assert!(!through(proxied().build(), "http://vendor.example/"));
        assert!(!through(Matcher::builder().build(), VENDOR));
    }

    #[test]
    fn a_proxy_of_another_kind_is_refused() {
        for other in ["socks5://proxy.example", "https://proxy.example"] {
            let refused = dialer(&Matcher::builder().all(other).build());
            assert!(matches!(refused, Err(OpenError::Proxy)), "{other}");
        }
    }
}
