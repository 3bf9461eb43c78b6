use std::io::Write as _;

use clap::Parser;

use super::*;

fn config(flags: &[&str]) -> Result<Config, FlagError> {
    Config::try_from(Args::try_parse_from([&["ws-server"], flags].concat()).unwrap())
}

fn problem(flags: &[&str]) -> String {
    config(flags).unwrap_err().to_string()
}

/// Why a single value is invalid.
fn refused(flags: &[&str]) -> String {
    let parsed = Args::try_parse_from([&["ws-server"], flags].concat());
    parsed.unwrap_err().to_string()
}

#[test]
fn the_demo_page_is_for_this_machine_unless_it_is_asked_for() {
    let demo_page = |flags| config(flags).unwrap().server.demo_page;
    assert!(demo_page(&[]));
    assert!(demo_page(&["--listen", "[::1]:8080"]));
    assert!(!demo_page(&["--listen", "0.0.0.0:8080"]));
    assert!(demo_page(&["--listen", "0.0.0.0:8080", "--demo-page"]));
}

#[test]
fn a_trusted_proxy_alone_means_x_forwarded_for() {
    let client_ip = config(&["--trusted-proxy", "10.0.0.0/8, ::1"])
        .unwrap()
        .capture
        .client_ip;
    assert_eq!(client_ip.header, ClientIpHeader::XForwardedFor);
    assert!(client_ip.trusts("10.1.2.3".parse().unwrap()));
    assert!(client_ip.trusts("::1".parse().unwrap()));
    assert!(!client_ip.trusts("127.0.0.1".parse().unwrap()));
}

#[test]
fn a_header_or_hops_without_a_trusted_proxy_are_refused() {
    for flags in [
        ["--client-ip-header", "x-real-ip"],
        ["--forwarded-hops", "2"],
    ] {
        let problem = problem(&flags);
        assert!(problem.starts_with(flags[0]), "{problem}");
        assert!(problem.contains("--trusted-proxy 10.0.0.0/8"), "{problem}");
    }
}

#[test]
fn a_hash_needs_a_key_and_a_key_a_hash() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "0123456789abcdef").unwrap();
    let path = file.path().to_str().unwrap();
    let hash = ["--ip-privacy", "hash", "--ip-hash-key-file", path];
    let IpPrivacy::Hash(key) = config(&hash).unwrap().capture.ip_privacy else {
        panic!("no hash");
    };
    let address = "203.0.113.7".parse().unwrap();
    let expected = IpPrivacy::Hash(HashKey::new(b"0123456789abcdef").unwrap()).apply(address);
    assert_eq!(
        IpPrivacy::Hash(key).apply(address),
        expected,
        "without the line break"
    );

    assert!(problem(&hash[..2]).starts_with("--ip-privacy: hash needs a key"));
    assert!(problem(&hash[2..]).starts_with("--ip-hash-key-file: only --ip-privacy hash"));
    file.as_file().set_len(15).unwrap();
    assert!(problem(&hash).starts_with("--ip-hash-key-file: the key has 15 bytes"));
}

#[test]
fn zero_is_no_timeout_and_no_size() {
    for flag in [
        "header-timeout",
        "join-timeout",
        "ping-interval",
        "pong-timeout",
        "log-retention",
    ] {
        let problem = refused(&[&format!("--{flag}"), "0s"]);
        assert!(problem.contains("must be longer than 0"), "{problem}");
        assert!(problem.contains(flag), "{problem}");
    }
    for flag in ["max-message-bytes", "outbox-max-bytes"] {
        let problem = refused(&[&format!("--{flag}"), "0"]);
        assert!(problem.contains("must be larger than 0"), "{problem}");
        assert!(problem.contains(flag), "{problem}");
    }
    assert!(problem(&["--log-max-bytes", "1023KiB"]).starts_with("--log-max-bytes: "));
    let at_once = config(&["--linger", "0s", "--drain-timeout", "0s"]).unwrap();
    assert_eq!(
        (at_once.publisher.linger, at_once.server.drain_timeout),
        Default::default()
    );
}

#[test]
fn the_source_names_the_machine_or_what_is_given() {
    assert!(
        config(&[])
            .unwrap()
            .publisher
            .source
            .starts_with("/ws-server/")
    );
    let given = config(&["--source", "urn:eu:1"]).unwrap();
    assert_eq!(given.publisher.source, "urn:eu:1");
    for source in ["", "a b", "a\nb", "é"] {
        assert!(problem(&["--source", source]).contains("/ws-server/eu-1"));
    }
}

#[test]
fn the_first_line_says_where_events_go() {
    let embedded = config(&["--data-dir", "./data"]).unwrap().topic;
    assert_eq!(embedded, "the embedded log in ./data (no --brokers given)");
    #[cfg(feature = "kafka")]
    {
        let kafka = config(&["--brokers", "a:1,b:2"]).unwrap().topic;
        assert_eq!(kafka, "Kafka at a:1,b:2, topic user-metadata");
    }
}
