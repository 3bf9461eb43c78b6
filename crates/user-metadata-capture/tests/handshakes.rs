//! Every file in `fixtures/handshakes` gives the event beside it.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use user_metadata_capture::{
    Capture, CaptureOptions, ClientId, ClientIpHeader, EventId, HashKey, IpPrivacy, Join, Parser,
    UnixMillis, UserMetadataEvent,
};

/// A file: `# peer ADDRESS[, header NAME]`, the upgrade, an empty line, the join.
struct Handshake {
    peer: IpAddr,
    header: ClientIpHeader,
    headers: HeaderMap,
    join: Vec<u8>,
}

#[derive(Serialize)]
struct Captured {
    event: UserMetadataEvent,
    traceparent: Option<String>,
}

impl Handshake {
    fn parse(file: &[u8]) -> Self {
        let mut lines = file.split(|&byte| byte == b'\n');
        let comment = str::from_utf8(lines.next().unwrap())
            .unwrap()
            .strip_prefix("# peer ")
            .unwrap();
        let (peer, header) = comment
            .split_once(", header ")
            .unwrap_or((comment, "x-forwarded-for"));
        assert!(lines.next().unwrap().starts_with(b"GET /ws HTTP/1.1"));
        let headers = lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .map(|line| {
                let colon = line.iter().position(|&byte| byte == b':').unwrap();
                let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).unwrap();
                (HeaderName::from_bytes(&line[..colon]).unwrap(), value)
            });
        Self {
            headers: headers.collect(),
            join: lines.next().unwrap().to_vec(),
            peer: peer.parse().unwrap(),
            header: match header {
                "forwarded" => ClientIpHeader::Forwarded,
                "x-real-ip" => ClientIpHeader::XRealIp,
                _ => ClientIpHeader::XForwardedFor,
            },
        }
    }

    fn capture(&self, parser: &Parser, ip_privacy: IpPrivacy) -> Captured {
        let mut options = CaptureOptions::default();
        options.client_ip.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        options.client_ip.header = self.header;
        options.ip_privacy = ip_privacy;
        let capture = Capture::new(parser.clone(), options);
        let at = |millis| UnixMillis::new(millis).unwrap();
        let context = capture.connection(
            &self.headers,
            self.peer,
            ClientId::from_parts(at(1_763_855_999_120), 1),
        );
        let join = Join::from_json(&self.join).unwrap();
        Captured {
            event: capture.event(
                &context,
                join,
                EventId::from_parts(at(1_763_856_000_000), 2),
            ),
            traceparent: context.traceparent().map(str::to_owned),
        }
    }
}

#[test]
fn handshakes_become_events() {
    let parser = Parser::default();
    insta::glob!("../../../fixtures/handshakes", "*.http", |path| {
        let handshake = Handshake::parse(&std::fs::read(path).unwrap());
        let captured = handshake.capture(&parser, IpPrivacy::Full);
        let value = captured.event.encode().unwrap();
        assert_eq!(
            UserMetadataEvent::decode(Some(&value)).unwrap(),
            captured.event
        );
        insta::assert_json_snapshot!(captured);
    });
}

#[test]
fn the_privacy_setting_reaches_every_place_of_the_address() {
    let file = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fixtures/handshakes/edge-behind-a-proxy-with-spoofed-entries.http"
    ));
    let handshake = Handshake::parse(&file.unwrap());
    let hash = IpPrivacy::Hash(HashKey::new(b"0123456789abcdef").unwrap());
    for (privacy, expected) in [
        (IpPrivacy::Full, Some("203.0.113.7")),
        (IpPrivacy::Truncate, Some("203.0.113.0")),
        (hash, Some("e25e7aa15f18e79a3fd02a8fa35b11c2")),
        (IpPrivacy::None, None),
    ] {
        let event = handshake.capture(&Parser::default(), privacy).event;
        let ip = event
            .connection_info
            .ip_address
            .as_ref()
            .map(ToString::to_string);
        assert_eq!(ip.as_deref(), expected);
        assert_eq!(event.metadata.ip, event.connection_info.ip_address);
        assert_eq!(
            event.connection_info.ip_source.is_some(),
            expected.is_some()
        );
        let json = String::from_utf8(event.encode().unwrap()).unwrap();
        assert_eq!(
            json.contains("203.0.113.7"),
            expected == Some("203.0.113.7")
        );
    }
}
