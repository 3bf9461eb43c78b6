use std::fmt::{self, Write as _};
use std::net::IpAddr;

use hmac::{Hmac, Mac};
use sha2::Sha256;
use user_metadata_events::ClientIp;

/// How much of the client's address is kept. It is applied before anything else sees the address.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum IpPrivacy {
    /// All of it.
    #[default]
    Full,
    /// The network: the host bits are zero, `/24` for IPv4 and `/48` for IPv6.
    Truncate,
    /// A pseudonym: the first 32 hexadecimal digits of HMAC-SHA-256 over the canonical text.
    Hash(HashKey),
    /// Nothing.
    None,
}

impl IpPrivacy {
    /// What is kept of `address`.
    ///
    /// ```
    /// use user_metadata_capture::IpPrivacy;
    /// let kept = IpPrivacy::Truncate.apply("203.0.113.77".parse().unwrap());
    /// assert_eq!(kept.unwrap().to_string(), "203.0.113.0");
    /// ```
    #[must_use]
    pub fn apply(&self, address: IpAddr) -> Option<ClientIp> {
        let address = address.to_canonical();
        match self {
            Self::Full => Some(ClientIp::Address(address)),
            Self::Truncate => Some(ClientIp::network(address)),
            Self::Hash(key) => Some(ClientIp::Pseudonym(key.pseudonym(address))),
            Self::None => None,
        }
    }
}

/// The secret that turns addresses into pseudonyms. Whoever has it can find the address of a
/// pseudonym by trying all addresses; to forget them for good, destroy it. `Debug` does not show
/// it.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

/// The key is too short to be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key has {bytes} bytes, at least 16 are needed; make one with `openssl rand -hex 32`")]
#[non_exhaustive]
pub struct HashKeyError {
    /// The key's length in bytes.
    pub bytes: usize,
}

impl HashKey {
    /// The shortest key, in bytes.
    pub const MIN_BYTES: usize = 16;

    /// Takes the key as it is, every byte of it.
    ///
    /// # Errors
    ///
    /// [`HashKeyError`] if it has fewer than [`Self::MIN_BYTES`].
    pub fn new(key: &[u8]) -> Result<Self, HashKeyError> {
        let too_short = HashKeyError { bytes: key.len() };
        if key.len() < Self::MIN_BYTES {
            return Err(too_short);
        }
        Hmac::new_from_slice(key).map(Self).map_err(|_| too_short)
    }

    fn pseudonym(&self, address: IpAddr) -> String {
        let mut mac = self.0.clone();
        mac.update(address.to_string().as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut digits = String::with_capacity(32);
        for byte in &digest[..16] {
            // Writing to a string can't fail.
            write!(digits, "{byte:02x}").unwrap_or_default();
        }
        digits
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(privacy: &IpPrivacy, address: &str) -> Option<String> {
        privacy
            .apply(address.parse().unwrap())
            .map(|ip| ip.to_string())
    }

    #[test]
    fn full_keeps_the_canonical_address() {
        assert_eq!(
            kept(&IpPrivacy::Full, "::ffff:203.0.113.7").unwrap(),
            "203.0.113.7"
        );
    }

    /// Expected values from `printf %s ADDRESS | openssl dgst -sha256 -hmac KEY`.
    #[test]
    fn hash_is_the_first_half_of_hmac_sha_256() {
        let privacy = IpPrivacy::Hash(HashKey::new(b"0123456789abcdef").unwrap());
        for (address, expected) in [
            ("203.0.113.7", "e25e7aa15f18e79a3fd02a8fa35b11c2"),
            ("::ffff:203.0.113.7", "e25e7aa15f18e79a3fd02a8fa35b11c2"),
            ("2001:0DB8::0:1", "875707cfe2bc92e6238d8cba4075a078"),
        ] {
            assert_eq!(kept(&privacy, address).unwrap(), expected);
        }
    }

    #[test]
    fn none_keeps_nothing() {
        assert_eq!(kept(&IpPrivacy::None, "203.0.113.7"), None);
    }

    #[test]
    fn a_key_is_long_enough_and_never_shown() {
        assert_eq!(HashKey::new(b"short").unwrap_err().bytes, 5);
        let privacy = IpPrivacy::Hash(HashKey::new(b"0123456789abcdef").unwrap());
        assert_eq!(format!("{privacy:?}"), "Hash(HashKey(***))");
    }
}
