use std::error::Error;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::TrustError;

/// The certificates that a client trusts: those of a PEM file and no others, or those that the
/// operating system trusts.
pub(crate) fn roots(file: Option<&Path>) -> Result<RootCertStore, TrustError> {
    file.map_or_else(of_system, of_file)
}

fn of_file(path: &Path) -> Result<RootCertStore, TrustError> {
    let refused = |source: Box<dyn Error + Send + Sync>| TrustError::Certificate {
        path: path.to_owned(),
        source,
    };
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_file_iter(path).map_err(|error| refused(error.into()))?;
    for root in found {
        let root = root.map_err(|error| refused(error.into()))?;
        roots.add(root).map_err(|error| refused(error.into()))?;
    }
    if roots.is_empty() {
        return Err(refused("it holds no certificate in PEM".into()));
    }
    Ok(roots)
}

fn of_system() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // One that rustls can't read must not affect the others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TrustError::NoSystemRoots);
    }
    Ok(roots)
}
