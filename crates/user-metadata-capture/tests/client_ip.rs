//! Whatever a client writes into the forwarding header, it never becomes its address.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use user_metadata_capture::{ClientIpHeader, ClientIpOptions, IpSource};

/// Trusted: 10.0.0.0/8 and 2001:db8:ffff::/48.
fn options(header: ClientIpHeader) -> ClientIpOptions {
    let mut options = ClientIpOptions::default();
    options.trusted_proxies = vec![
        "10.0.0.0/8".parse().unwrap(),
        "2001:db8:ffff::/48".parse().unwrap(),
    ];
    options.header = header;
    options
}

fn proxy() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 3]>().prop_map(|[a, b, c]| Ipv4Addr::new(10, a, b, c).into()),
        any::<[u8; 3]>().prop_map(|[a, b, c]| Ipv4Addr::new(10, a, b, c).to_ipv6_mapped().into()),
        any::<u16>().prop_map(|a| Ipv6Addr::new(0x2001, 0xdb8, 0xffff, a, 0, 0, 0, a).into()),
    ]
}

fn stranger() -> impl Strategy<Value = IpAddr> {
    let any = prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::V4),
        any::<Ipv6Addr>().prop_map(IpAddr::V6)
    ];
    let untrusted = options(ClientIpHeader::XForwardedFor);
    any.prop_filter("not a proxy", move |address| !untrusted.trusts(*address))
}

/// What a client may send as the header: nearly any bytes, or entries that look right.
fn spoofed() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(prop_oneof![Just(b'\t'), 0x20..0x7f_u8, 0x80..=0xff_u8], 0..80),
        "(for=)?\"?(10\\.0\\.0\\.1|6\\.6\\.6\\.6|unknown|_x)\"?([,;\"\\\\] ?(for=)?(10\\.0\\.0\\.1|6\\.6\\.6\\.6)\"?){0,40}"
            .prop_map(String::into_bytes),
    ]
}

/// The forms in which proxies write an address: bare, with a port, in brackets.
fn written(address: IpAddr, style: u8, header: ClientIpHeader) -> String {
    let node = match (address, style % 3) {
        (IpAddr::V4(v4), 0) => v4.to_string(),
        (IpAddr::V4(v4), _) => format!("{v4}:4711"),
        (IpAddr::V6(v6), 0) => v6.to_string(),
        (IpAddr::V6(v6), 1) => format!("[{v6}]"),
        (IpAddr::V6(v6), _) => format!("[{v6}]:4711"),
    };
    match header {
        ClientIpHeader::Forwarded if style & 4 == 0 => format!("for=\"{node}\""),
        ClientIpHeader::Forwarded => {
            format!("by=_b;For=\"{node}\";host=\"a\\\"b, for=6.6.6.6\";proto=https")
        }
        _ => node,
    }
}

/// What the client sent, and behind it one entry of each hop, either on the same line or on one of
/// its own.
fn lines(spoofed: Vec<u8>, entries: &[(String, bool)]) -> Vec<Vec<u8>> {
    let mut lines = vec![spoofed];
    for (entry, own_line) in entries {
        match lines.last_mut() {
            Some(line) if !own_line => line.extend([b", ", entry.as_bytes()].concat()),
            _ => lines.push(entry.clone().into_bytes()),
        }
    }
    lines
}

fn headers(name: &'static str, lines: &[Vec<u8>]) -> HeaderMap {
    let name = HeaderName::from_static(name);
    lines
        .iter()
        .map(|line| (name.clone(), HeaderValue::from_bytes(line).unwrap()))
        .collect()
}

fn name(header: ClientIpHeader) -> &'static str {
    match header {
        ClientIpHeader::XForwardedFor => "x-forwarded-for",
        ClientIpHeader::Forwarded => "forwarded",
        _ => "x-real-ip",
    }
}

fn list_header() -> impl Strategy<Value = ClientIpHeader> {
    prop_oneof![
        Just(ClientIpHeader::XForwardedFor),
        Just(ClientIpHeader::Forwarded)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_client_is_found_behind_proxies_whatever_it_wrote_itself(
        header in list_header(),
        spoofed in spoofed(),
        client in stranger(),
        hops in prop::collection::vec((proxy(), any::<u8>(), any::<bool>()), 1..8),
        style in any::<u8>(),
        own_line in any::<bool>(),
    ) {
        // Each hop writes the address that it sees: the first the client, the next the first, …
        let seen = std::iter::once((client, style, own_line)).chain(hops.iter().copied());
        let entries: Vec<_> = seen.take(hops.len()).map(|(a, style, own)| (written(a, style, header), own)).collect();
        let peer = hops.last().unwrap().0;
        let headers = headers(name(header), &lines(spoofed, &entries));

        let (found, source) = options(header).find(&headers, peer);
        prop_assert_eq!(found, client.to_canonical());
        prop_assert_ne!(source, IpSource::Peer);

        let mut counted = options(header);
        counted.hops = NonZeroUsize::new(hops.len());
        prop_assert_eq!(counted.find(&headers, peer).0, client.to_canonical());
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_the_client_whatever_it_sends(
        header in prop_oneof![list_header(), Just(ClientIpHeader::XRealIp)],
        peer in stranger(),
        lines in prop::collection::vec(spoofed(), 0..4),
        hops in prop::option::of(1..9_usize),
    ) {
        let mut options = options(header);
        options.hops = hops.and_then(NonZeroUsize::new);
        let found = options.find(&headers(name(header), &lines), peer);
        prop_assert_eq!(found, (peer.to_canonical(), IpSource::Peer));
    }

    #[test]
    fn what_is_found_is_canonical(
        header in prop_oneof![list_header(), Just(ClientIpHeader::XRealIp)],
        peer in proxy(),
        lines in prop::collection::vec(spoofed(), 0..4),
    ) {
        let (found, _) = options(header).find(&headers(name(header), &lines), peer);
        prop_assert_eq!(found, found.to_canonical());
    }
}
