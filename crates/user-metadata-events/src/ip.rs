use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where a client connected from: an address, or what the privacy setting left of it.
///
/// A string in JSON. Addresses are canonical: `::ffff:192.0.2.1` is `192.0.2.1`.
///
/// ```
/// use user_metadata_events::ClientIp;
/// let address: ClientIp = "::ffff:192.0.2.1".into();
/// assert_eq!(address.to_string(), "192.0.2.1");
/// let hash: ClientIp = "8f434346648f6b96df89dda901c5176b".into();
/// assert_eq!(hash.address(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientIp {
    /// The address, whole or with its host bits zero.
    Address(IpAddr),
    /// Any other text: 32 hexadecimal digits where addresses are hashed.
    Pseudonym(String),
}

impl ClientIp {
    /// The network of an address: its host bits are zero, `/24` for IPv4 and `/48` for IPv6.
    ///
    /// ```
    /// use user_metadata_events::ClientIp;
    /// for (address, network) in [
    ///     ("203.0.113.255", "203.0.113.0"),
    ///     ("::ffff:203.0.113.255", "203.0.113.0"),
    ///     ("2001:db8:1234:5678:9abc::1", "2001:db8:1234::"),
    ///     ("::1", "::"),
    /// ] {
    ///     assert_eq!(ClientIp::network(address.parse().unwrap()).to_string(), network);
    /// }
    /// ```
    #[must_use]
    pub const fn network(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << 8))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80))),
        })
    }

    /// The address, if it is one.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Pseudonym(_) => None,
        }
    }
}

impl From<IpAddr> for ClientIp {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl From<&str> for ClientIp {
    fn from(text: &str) -> Self {
        IpAddr::from_str(text).map_or_else(|_| Self::Pseudonym(text.to_owned()), Self::from)
    }
}

impl fmt::Display for ClientIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Pseudonym(text) => text.fmt(f),
        }
    }
}

impl Serialize for ClientIp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClientIp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = ClientIp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, text: &str) -> Result<ClientIp, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
