use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::OpenError;

/// Whom a client trusts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust<'a> {
    /// Whom the operating system trusts.
    System,
    /// The certificates of a file in PEM, and nobody else.
    File(&'a Path),
    /// Nobody: its connections are not encrypted.
    Nobody,
}

impl Trust<'_> {
    pub(super) fn to_tls(self) -> Result<ClientConfig, OpenError> {
        let roots = match self {
            Self::System => of_system()?,
            Self::File(path) => of_file(path)?,
            Self::Nobody => RootCertStore::empty(),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| OpenError::Tls(error.into()))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

fn of_file(path: &Path) -> Result<RootCertStore, OpenError> {
    let no_ca = || OpenError::Ca {
        path: path.to_owned(),
    };
    let pem = fs::read(path).map_err(|_| no_ca())?;
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&pem) {
        roots.add(root.map_err(|_| no_ca())?).map_err(|_| no_ca())?;
    }
    if roots.is_empty() {
        return Err(no_ca());
    }
    Ok(roots)
}

fn of_system() -> Result<RootCertStore, OpenError> {
    let mut roots = RootCertStore::empty();
    // One that rustls can't read must not spoil the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(OpenError::NoSystemRoots);
    }
    Ok(roots)
}
