use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

pub(super) const ID: &str = "webhook-id";
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
pub(super) const SIGNATURE: &str = "webhook-signature";

/// The shared key.
#[derive(Clone)]
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    /// Reads `whsec_BASE64`, 24 to 64 bytes.
    pub(super) fn parse(secret: &str) -> Option<Self> {
        let bytes = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
        let is_legal = (24..=64).contains(&bytes.len());
        is_legal.then(|| Hmac::new_from_slice(&bytes).ok().map(Self))?
    }

    fn over(&self, id: &[u8], timestamp: &[u8], body: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in [id, b".", timestamp, b".", body] {
            mac.update(part);
        }
        mac
    }

    /// `v1,BASE64`.
    #[cfg(feature = "webhook")]
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mac = self.over(id.as_bytes(), timestamp.as_bytes(), body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }

    /// Whether one of `signatures`, between spaces, is right. Compares in constant time.
    pub(super) fn has_signed(
        &self,
        signatures: &str,
        id: &[u8],
        timestamp: &[u8],
        body: &[u8],
    ) -> bool {
        let known = signatures
            .split(' ')
            .filter_map(|one| one.strip_prefix("v1,"));
        let mut bytes = known.filter_map(|one| STANDARD.decode(one).ok());
        let mac = self.over(id, timestamp, body);
        bytes.any(|signature| mac.clone().verify_slice(&signature).is_ok())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
