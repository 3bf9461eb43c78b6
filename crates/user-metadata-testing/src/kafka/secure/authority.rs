use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::scratch::Scratch;

/// A certificate authority that nobody else trusts. Its files are removed when it is dropped.
#[derive(Debug)]
pub struct Authority {
    scratch: Scratch,
    ca: String,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority with a new key.
    #[must_use]
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("Authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let scratch = Scratch::new("authority");
        let mut params = params(&[]);
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = must(CertifiedIssuer::self_signed(params, key()));
        let ca = scratch.file("ca.pem");
        must(std::fs::write(&ca, issuer.pem()));
        Self {
            scratch,
            ca,
            issuer,
        }
    }

    /// The file of its own certificate.
    #[must_use]
    pub fn ca_file(&self) -> &str {
        &self.ca
    }

    /// Signs a certificate for these hosts (none for a client), and returns the paths of the
    /// certificate and of its key.
    #[must_use]
    pub fn sign(&self, name: &str, hosts: &[&str]) -> (String, String) {
        let key = key();
        let certificate = must(params(hosts).signed_by(&key, &self.issuer));
        let file = |kind: &str, pem: String| {
            let path = self.scratch.file(&format!("{name}.{kind}.pem"));
            must(std::fs::write(&path, pem));
            path
        };
        let certificate = file("certificate", certificate.pem());
        (certificate, file("key", key.serialize_pem()))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn params(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    must(CertificateParams::new(hosts))
}

fn key() -> KeyPair {
    must(KeyPair::generate())
}

fn must<T, E: std::fmt::Debug>(done: Result<T, E>) -> T {
    match done {
        Ok(done) => done,
        Err(error) => panic!("{error:?}"),
    }
}
