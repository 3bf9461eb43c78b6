//! Reading `X-Forwarded-For`, `Forwarded` (RFC 7239) and `X-Real-IP` from the right.
//!
//! Each proxy appends to the right of what came, so the right end is the trustworthy one. How an
//! entry is read must not depend on anything to its left, which anybody can write.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The items of one line of a comma-separated list, the last first.
pub(crate) fn items(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.rsplit(|&byte| byte == b',').filter(not_blank)
}

/// The elements of one line of `Forwarded`, the last first. A comma in a quoted string is not a
/// separator.
pub(crate) fn elements(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    let elements = std::iter::from_fn(move || {
        let line = rest?;
        let (before, element) = split_last_element(line);
        rest = before;
        Some(element)
    });
    elements.filter(not_blank)
}

fn not_blank(item: &&[u8]) -> bool {
    !item.trim_ascii().is_empty()
}

fn split_last_element(line: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let mut quoted = false;
    for (at, byte) in line.iter().enumerate().rev() {
        match byte {
            b'"' if !is_escaped(line, at) => quoted = !quoted,
            b',' if !quoted => return (Some(&line[..at]), &line[at + 1..]),
            _ => {}
        }
    }
    (None, line)
}

/// Whether a quoted-pair (`\"`) ends at `at`: it follows an odd number of backslashes.
fn is_escaped(line: &[u8], at: usize) -> bool {
    let backslashes = line[..at].iter().rev().take_while(|&&byte| byte == b'\\');
    backslashes.count() % 2 == 1
}

/// The address in the `for` parameter of an element of `Forwarded`; `None` if there is none, or
/// not exactly one, or it is `unknown` or obfuscated.
pub(crate) fn element_address(element: &[u8]) -> Option<IpAddr> {
    let mut rest = std::str::from_utf8(element).ok()?;
    let mut address = None;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return address.flatten();
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = split_value(after)?;
        if name.eq_ignore_ascii_case("for") && address.replace(node_address(value)).is_some() {
            return None;
        }
        rest = after;
    }
}

/// Splits a token or a quoted string off the front. Quoted pairs stay as they are: no address has
/// one.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return Some(text.split_at(text.find(';').unwrap_or(text.len())));
    };
    let closes = |&(at, _): &(usize, char)| !is_escaped(quoted.as_bytes(), at);
    let (end, _) = quoted
        .char_indices()
        .filter(|&(_, c)| c == '"')
        .find(closes)?;
    let after = quoted[end + 1..].trim_start();
    (after.is_empty() || after.starts_with(';')).then_some((&quoted[..end], after))
}

/// The address of an item of `X-Forwarded-For`, or of `X-Real-IP`.
pub(crate) fn item_address(item: &[u8]) -> Option<IpAddr> {
    node_address(std::str::from_utf8(item).ok()?)
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`, each IPv6 also
/// with a zone (`%eth0`), which is dropped.
fn node_address(node: &str) -> Option<IpAddr> {
    let node = node.trim_matches([' ', '\t']);
    if let Some(bracketed) = node.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        return (port.is_empty() || is_port(port.strip_prefix(':')?)).then(|| ipv6(address))?;
    }
    match node.split_once(':') {
        Some((address, port)) if !port.contains(':') => {
            is_port(port).then(|| address.parse().ok().map(IpAddr::V4))?
        }
        Some(_) => ipv6(node),
        None => node.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

fn ipv6(text: &str) -> Option<IpAddr> {
    let address = text
        .split_once('%')
        .map_or(text, |(address, _zone)| address);
    let address: Ipv6Addr = address.parse().ok()?;
    Some(IpAddr::from(address).to_canonical())
}

/// A port's digits, or RFC 7239's obfuscated port (`_x`).
fn is_port(text: &str) -> bool {
    text.starts_with('_') || text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_item_may_carry_port_brackets_and_zone() {
        for (item, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            (" \t192.0.2.1:8080 ", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:8080", "2001:db8::1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:1", "fe80::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ] {
            assert_eq!(item_address(item.as_bytes()), address(expected), "{item}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_guessed_at() {
        for item in [
            "",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.256",
            "0300.0.2.1",
            "192.0.2.1:",
            "192.0.2.1:x",
            "192.0.2.1:99999",
            "192.0.2.1%eth0",
            "[192.0.2.1]",
            "[2001:db8::1",
            "[2001:db8::1]80",
            "2001:db8::1]",
            "[]",
            "1.2.3.4 5.6.7.8",
            "example.com",
            "\u{e9}",
            "\"192.0.2.1\"",
        ] {
            assert_eq!(item_address(item.as_bytes()), None, "{item}");
        }
        assert_eq!(item_address(b"\xff192.0.2.1"), None);
    }

    #[test]
    fn the_for_parameter_is_found_in_any_place_and_case() {
        for element in [
            "for=192.0.2.43",
            " For=192.0.2.43; proto=http;by=203.0.113.43",
            "proto=https;FOR=\"192.0.2.43:47011\"",
            "host=\"a;for=6.6.6.6\";for=192.0.2.43;",
            "by=_b;;for=\"192.0.2.43:_port\"",
        ] {
            assert_eq!(
                element_address(element.as_bytes()),
                address("192.0.2.43"),
                "{element}"
            );
        }
        let v6 = "for=\"[2001:db8:cafe::17]:4711\"";
        assert_eq!(element_address(v6.as_bytes()), address("2001:db8:cafe::17"));
    }

    #[test]
    fn an_element_without_exactly_one_address_has_none() {
        for element in [
            "proto=http",
            "for=unknown",
            "for=_obf",
            "for=\"_obf:80\"",
            "for=1.1.1.1;for=1.1.1.1",
            "for=\"1.1.1.1",
            "for=\"1.1.1.1\"x",
            "for",
            "for=\"1.1.1.\\1\"",
            "192.0.2.1",
        ] {
            assert_eq!(element_address(element.as_bytes()), None, "{element}");
        }
    }

    #[test]
    fn elements_come_from_the_right_and_quotes_hide_commas() {
        let line = br#"for=a;host="x,y", for="[::1]:80" ,, for=c;host="q\", for=6.6.6.6;x=\"r""#;
        let found: Vec<_> = elements(line)
            .map(|e| std::str::from_utf8(e).unwrap().trim())
            .collect();
        assert_eq!(
            found,
            [
                r#"for=c;host="q\", for=6.6.6.6;x=\"r""#,
                r#"for="[::1]:80""#,
                r#"for=a;host="x,y""#
            ]
        );
    }

    #[test]
    fn an_open_quote_to_the_left_hides_nothing_to_its_right() {
        let last = elements(br#"for="6.6.6.6, for=192.0.2.1"#).next().unwrap();
        assert_eq!(element_address(last), address("192.0.2.1"));
    }
}
