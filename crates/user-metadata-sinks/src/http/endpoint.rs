use std::fmt;

use http::Uri;

use crate::OpenError;

/// Where requests go. Only its host is displayed: a path or a query may be a secret.
#[derive(Clone)]
pub(crate) struct Endpoint(Uri);

impl Endpoint {
    pub(crate) fn new(address: &str) -> Result<Self, OpenError> {
        let uri = address.parse::<Uri>().ok();
        uri.filter(|uri| uri.host().is_some_and(|host| !host.is_empty()))
            .map(Self)
            .ok_or(OpenError::Address)
    }

    pub(super) const fn uri(&self) -> &Uri {
        &self.0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == Some(&http::uri::Scheme::HTTPS)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or("https");
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}")
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_shows_neither_its_path_nor_its_query() {
        let endpoint = Endpoint::new("https://example.com:8443/swordfish?key=swordfish").unwrap();
        for shown in [endpoint.to_string(), format!("{endpoint:?}")] {
            assert_eq!(shown, "https://example.com:8443");
        }
    }
}
