use std::net::IpAddr;
use std::num::NonZeroUsize;

use http::{HeaderMap, HeaderName, header};
use user_metadata_events::IpSource;

use crate::Cidr;
use crate::forwarded::{element_address, elements, item_address, items};

/// How the client's address is found. By default it is the socket's peer, and headers, which
/// anybody can send, are ignored.
///
/// With [`trusted_proxies`](Self::trusted_proxies), and only if the peer is one of them, the header
/// is read from the right, where the nearest proxy wrote: trusted proxies are skipped, and the
/// first address that is not one of them is the client. An entry that is not an address ends the
/// walk at the last valid hop. So what a client itself writes into the header is never reached.
///
/// ```
/// use user_metadata_capture::{ClientIpHeader, ClientIpOptions};
/// let mut client_ip = ClientIpOptions::default();
/// client_ip.trusted_proxies = vec!["10.0.0.0/8".parse()?, "2001:db8:ffff::/48".parse()?];
/// client_ip.header = ClientIpHeader::Forwarded;
/// # Ok::<(), user_metadata_capture::ParseCidrError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientIpOptions {
    /// The proxies whose header is trusted.
    pub trusted_proxies: Vec<Cidr>,
    /// The one header that they set.
    pub header: ClientIpHeader,
    /// The number of proxies in front of this server, if their addresses are not known: the peer,
    /// which must be trusted, is the first, and each has appended the address that it saw. Only
    /// entries are counted then; their addresses are not compared with the trusted ones.
    pub hops: Option<NonZeroUsize>,
}

/// The header in which proxies pass on the client's address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientIpHeader {
    /// `X-Forwarded-For`: a list that each proxy appends to.
    #[default]
    XForwardedFor,
    /// `Forwarded` ([RFC 7239](https://www.rfc-editor.org/rfc/rfc7239)): the same with names.
    Forwarded,
    /// `X-Real-IP`: one address, set by the proxy.
    XRealIp,
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

impl ClientIpOptions {
    /// The most entries of the header that are read.
    pub const MAX_ENTRIES: usize = 32;

    /// Whether `peer` is a trusted proxy.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|proxy| proxy.contains(peer))
    }

    /// The client's address, canonical, and what it was taken from.
    #[must_use]
    pub fn find(&self, headers: &HeaderMap, peer: IpAddr) -> (IpAddr, IpSource) {
        let (found, source) = match self.header {
            ClientIpHeader::XForwardedFor => {
                let entries = lines(headers, X_FORWARDED_FOR).flat_map(items);
                (
                    self.walk(peer, entries.map(item_address)),
                    IpSource::XForwardedFor,
                )
            }
            ClientIpHeader::Forwarded => {
                let entries = lines(headers, header::FORWARDED).flat_map(elements);
                (
                    self.walk(peer, entries.map(element_address)),
                    IpSource::Forwarded,
                )
            }
            ClientIpHeader::XRealIp => {
                let entry = lines(headers, X_REAL_IP).take(1);
                (self.walk(peer, entry.map(item_address)), IpSource::XRealIp)
            }
        };
        found.map_or((peer.to_canonical(), IpSource::Peer), |address| {
            (address, source)
        })
    }

    /// Walks from the peer to the left as long as the hop that wrote the next entry is trusted.
    fn walk(&self, peer: IpAddr, entries: impl Iterator<Item = Option<IpAddr>>) -> Option<IpAddr> {
        let mut found = None;
        for (passed, entry) in entries.take(Self::MAX_ENTRIES).enumerate() {
            let trusted = match (self.hops, found) {
                (Some(hops), Some(_)) => passed < hops.get(),
                (_, hop) => self.trusts(hop.unwrap_or(peer)),
            };
            match entry {
                Some(address) if trusted => found = Some(address),
                _ => break,
            }
        }
        found
    }
}

/// The header's lines, the last first: several lines are one list.
fn lines(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(name)
        .into_iter()
        .rev()
        .map(|value| value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(proxies: &[&str], header: ClientIpHeader) -> ClientIpOptions {
        ClientIpOptions {
            trusted_proxies: proxies.iter().map(|proxy| proxy.parse().unwrap()).collect(),
            header,
            hops: None,
        }
    }

    fn find(options: &ClientIpOptions, peer: &str, lines: &[(&str, &str)]) -> (String, IpSource) {
        let mut headers = HeaderMap::new();
        for (name, line) in lines {
            headers.append(HeaderName::try_from(*name).unwrap(), line.parse().unwrap());
        }
        let (address, source) = options.find(&headers, peer.parse().unwrap());
        (address.to_string(), source)
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn by_default_headers_are_ignored() {
        let found = find(
            &ClientIpOptions::default(),
            "::ffff:192.0.2.9",
            &[(XFF, "6.6.6.6")],
        );
        assert_eq!(found, ("192.0.2.9".into(), IpSource::Peer));
    }

    #[test]
    fn only_the_chosen_header_is_read() {
        let options = behind(&["10.0.0.0/8"], ClientIpHeader::Forwarded);
        let lines = [
            (XFF, "6.6.6.6"),
            ("x-real-ip", "6.6.6.6"),
            ("forwarded", "for=192.0.2.1"),
        ];
        assert_eq!(
            find(&options, "10.0.0.1", &lines),
            ("192.0.2.1".into(), IpSource::Forwarded)
        );
        assert_eq!(
            find(&options, "10.0.0.1", &lines[..2]),
            ("10.0.0.1".into(), IpSource::Peer)
        );
    }

    #[test]
    fn trusted_proxies_are_passed_over_on_all_lines() {
        let options = behind(&["10.0.0.0/8", "::1"], ClientIpHeader::XForwardedFor);
        let lines = [
            (XFF, "6.6.6.6, 192.0.2.1"),
            (XFF, "10.0.0.3"),
            (XFF, ", 10.0.0.2:80,"),
        ];
        assert_eq!(
            find(&options, "::1", &lines),
            ("192.0.2.1".into(), IpSource::XForwardedFor)
        );
    }

    #[test]
    fn what_is_no_address_ends_the_walk_at_the_last_good_hop() {
        let options = behind(&["10.0.0.0/8"], ClientIpHeader::XForwardedFor);
        for (line, expected, source) in [
            ("192.0.2.1, unknown", "10.0.0.1", IpSource::Peer),
            (
                "192.0.2.1, _obf, 10.0.0.7",
                "10.0.0.7",
                IpSource::XForwardedFor,
            ),
            ("", "10.0.0.1", IpSource::Peer),
        ] {
            assert_eq!(
                find(&options, "10.0.0.1", &[(XFF, line)]),
                (expected.into(), source),
                "{line}"
            );
        }
    }

    #[test]
    fn hops_count_entries_behind_a_trusted_peer() {
        let mut options = behind(&["10.0.0.0/8"], ClientIpHeader::XForwardedFor);
        let line = [(XFF, "6.6.6.6, 192.0.2.1, 203.0.113.77")];
        for (hops, expected) in [(1, "203.0.113.77"), (2, "192.0.2.1"), (9, "6.6.6.6")] {
            options.hops = NonZeroUsize::new(hops);
            assert_eq!(find(&options, "10.0.0.1", &line).0, expected);
        }
        assert_eq!(
            find(&options, "192.0.2.200", &line),
            ("192.0.2.200".into(), IpSource::Peer)
        );
    }

    #[test]
    fn the_last_x_real_ip_counts_and_a_list_is_none() {
        let options = behind(&["10.0.0.0/8"], ClientIpHeader::XRealIp);
        let lines = [("x-real-ip", "6.6.6.6"), ("x-real-ip", "10.9.9.9")];
        assert_eq!(
            find(&options, "10.0.0.1", &lines),
            ("10.9.9.9".into(), IpSource::XRealIp)
        );
        let list = [("x-real-ip", "6.6.6.6, 192.0.2.1")];
        assert_eq!(
            find(&options, "10.0.0.1", &list),
            ("10.0.0.1".into(), IpSource::Peer)
        );
    }

    #[test]
    fn at_most_32_entries_are_read() {
        let options = behind(&["10.0.0.0/8"], ClientIpHeader::XForwardedFor);
        let line = format!("192.0.2.1{}", ", 10.0.0.2".repeat(1_000));
        assert_eq!(find(&options, "10.0.0.1", &[(XFF, &line)]).0, "10.0.0.2");
        let line = format!("192.0.2.1{}", ", 10.0.0.2".repeat(31));
        assert_eq!(find(&options, "10.0.0.1", &[(XFF, &line)]).0, "192.0.2.1");
    }
}
