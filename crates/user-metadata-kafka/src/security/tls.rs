use std::fmt;

use super::Secret;
#[cfg(any(feature = "consume", feature = "produce"))]
use super::trust;
use crate::OptionsError;

/// The certificates to trust, and the client certificate to present, on TLS connections.
/// Certificates and host names are always verified.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// In PEM.
    roots: Vec<u8>,
    identity: Option<Identity>,
}

/// A client certificate with its chain, and its key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) certificates: Vec<u8>,
    pub(crate) key: Secret,
}

impl TlsOptions {
    /// Trusts the certificate authorities that the operating system trusts now.
    ///
    /// # Errors
    ///
    /// [`OptionsError::NoSystemRoots`] if there are none.
    pub fn with_system_roots() -> Result<Self, OptionsError> {
        Self::checked(system_roots()?, None)
    }

    /// Trusts the certificates of a PEM bundle, and no others.
    ///
    /// # Errors
    ///
    /// [`OptionsError::Ca`] if it is not such a bundle.
    pub fn with_ca(ca_pem: impl Into<Vec<u8>>) -> Result<Self, OptionsError> {
        Self::checked(ca_pem.into(), None)
    }

    /// Presents a client certificate, with its chain, and proves it with its private key; both in
    /// PEM.
    ///
    /// # Errors
    ///
    /// [`OptionsError::ClientCertificate`] and [`OptionsError::ClientKey`] if they are not in PEM,
    /// and if the key is not the certificate's.
    pub fn with_client_certificate(
        self,
        certificates_pem: impl Into<Vec<u8>>,
        key_pem: Secret,
    ) -> Result<Self, OptionsError> {
        let identity = Identity {
            certificates: certificates_pem.into(),
            key: key_pem,
        };
        Self::checked(self.roots, Some(identity))
    }

    fn checked(roots: Vec<u8>, identity: Option<Identity>) -> Result<Self, OptionsError> {
        let options = Self { roots, identity };
        // Without a client, nothing could use them.
        #[cfg(any(feature = "consume", feature = "produce"))]
        trust::client_config(&options)?;
        Ok(options)
    }

    #[cfg(any(feature = "consume", feature = "produce"))]
    pub(crate) fn roots(&self) -> &[u8] {
        &self.roots
    }

    #[cfg(any(feature = "consume", feature = "produce"))]
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("roots_bytes", &self.roots.len())
            .field("has_client_certificate", &self.identity.is_some())
            .finish()
    }
}

#[cfg(any(feature = "consume", feature = "produce"))]
fn system_roots() -> Result<Vec<u8>, OptionsError> {
    trust::system_roots()
}

#[cfg(not(any(feature = "consume", feature = "produce")))]
fn system_roots() -> Result<Vec<u8>, OptionsError> {
    Ok(Vec::new())
}
