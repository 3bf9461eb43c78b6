use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use crate::TrustError;
use crate::trust::roots;

/// Which certificates a client trusts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust<'a> {
    /// Those that the operating system trusts.
    System,
    /// Those of a PEM file, and no others.
    File(&'a Path),
    /// None: its connections are not encrypted.
    Nobody,
}

impl Trust<'_> {
    pub(super) fn to_tls(self) -> Result<ClientConfig, TrustError> {
        let roots = match self {
            Self::System => roots(None)?,
            Self::File(path) => roots(Some(path))?,
            Self::Nobody => RootCertStore::empty(),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustError::Tls(error.into()))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}
