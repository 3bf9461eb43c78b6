//! The rustls configuration for these options. It verifies the brokers, with ring, for both
//! clients.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::TlsOptions;
use crate::OptionsError;

/// The configuration of a connection; fails for invalid options.
pub(crate) fn client_config(options: &TlsOptions) -> Result<ClientConfig, OptionsError> {
    let ca = |problem: &dyn std::fmt::Display| OptionsError::Ca(problem.to_string());
    let mut roots = RootCertStore::empty();
    for root in certificates(options.roots()).map_err(|problem| ca(&problem))? {
        roots.add(root).map_err(|error| ca(&error))?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ca(&error))?
        .with_root_certificates(roots);
    let Some(identity) = options.identity() else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(&identity.certificates).map_err(OptionsError::ClientCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.reveal().as_bytes())
        .map_err(|_| OptionsError::ClientKey("it holds no private key in PEM".to_owned()))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| OptionsError::ClientKey(error.to_string()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("it holds no certificate in PEM".to_owned()),
    }
}

/// The operating system's trusted certificates that rustls can read, in PEM. A single old
/// certificate that it can't read would make the whole store fail.
pub(super) fn system_roots() -> Result<Vec<u8>, OptionsError> {
    let found = rustls_native_certs::load_native_certs().certs;
    let readable = found
        .into_iter()
        .filter(|root| RootCertStore::empty().add(root.clone()).is_ok());
    let pem: String = readable
        .map(|root| {
            let base64 = STANDARD.encode(&root);
            format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
        })
        .collect();
    if pem.is_empty() {
        return Err(OptionsError::NoSystemRoots);
    }
    Ok(pem.into_bytes())
}
