use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A network in CIDR notation, or a single address.
///
/// ```
/// use user_metadata_capture::Cidr;
/// let network: Cidr = "10.0.0.0/8".parse().unwrap();
/// assert!(network.contains("10.1.2.3".parse().unwrap()));
/// assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
/// let error = "10.0.0.0/33".parse::<Cidr>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "`10.0.0.0/33` is neither a network nor an address; write e.g. 10.0.0.0/8 or ::1"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr(IpNet);

/// The text is neither a network nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is neither a network nor an address; write e.g. 10.0.0.0/8 or ::1")]
#[non_exhaustive]
pub struct ParseCidrError {
    /// The text.
    pub text: String,
}

impl Cidr {
    /// Whether `address` is in the network. IPv4 written as IPv6 (`::ffff:10.0.0.1`) is IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl From<IpAddr> for Cidr {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl FromStr for Cidr {
    type Err = ParseCidrError;

    fn from_str(text: &str) -> Result<Self, ParseCidrError> {
        let network = text.parse().map(|network: IpNet| Self(network.trunc()));
        let address = || text.parse().map(|address: IpAddr| Self::from(address));
        network.or_else(|_| address()).map_err(|_| ParseCidrError {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_bits_do_not_matter_and_a_lone_address_is_a_network_of_one() {
        let network: Cidr = "192.0.2.77/24".parse().unwrap();
        assert_eq!(network.to_string(), "192.0.2.0/24");
        let one: Cidr = "::ffff:192.0.2.7".parse().unwrap();
        assert_eq!(one.to_string(), "192.0.2.7/32");
        assert!(!one.contains("192.0.2.8".parse().unwrap()));
    }

    #[test]
    fn every_ipv6_network_leaves_ipv4_out() {
        let all: Cidr = "::/0".parse().unwrap();
        assert!(!all.contains("192.0.2.7".parse().unwrap()));
    }
}
