//! Strings that are made to take long.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use user_metadata_ua::{ClientHints, PARSED_USER_AGENT, Parser};

use crate::lists::Random;

/// How long to search for the worst string.
const SEARCH: Duration = Duration::from_secs(30);
/// Changes to a string before the search starts again with another one.
const CHANGES: usize = 3_000;
/// The least of this many times counts, as what else the machine does is not the parser's.
const TIMES: usize = 5;

/// Climbs from random strings, made of the literals of all rules, towards those that take longest.
/// Prints the worst.
pub(crate) fn search() {
    let parser = Parser::new();
    let pieces = pieces();
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    let mut worst = (Duration::ZERO, String::new());
    let started = Instant::now();
    while started.elapsed() < SEARCH {
        let mut best: Vec<usize> = (0..120).map(|_| random.below(pieces.len())).collect();
        let mut longest = time(&parser, &text(&pieces, &best));
        for _ in 0..CHANGES {
            let mut changed = best.clone();
            for _ in 0..=random.below(3) {
                let (place, piece) = (random.below(60), random.below(pieces.len()));
                match random.below(3) {
                    0 => changed[place] = piece,
                    1 => changed.insert(place, piece),
                    _ => {
                        changed.remove(place);
                        changed.push(piece);
                    }
                }
            }
            changed.truncate(120);
            let took = time(&parser, &text(&pieces, &changed));
            if took > longest {
                (longest, best) = (took, changed);
            }
        }
        let found = text(&pieces, &best);
        worst = worst.max((time(&parser, &found), found));
    }
    println!(
        "the worst of many strings made to take long: {} µs\n  {}",
        worst.0.as_micros(),
        worst.1.escape_debug()
    );
}

fn time(parser: &Parser, text: &str) -> Duration {
    let once = |_| {
        let started = Instant::now();
        std::hint::black_box(parser.parse(text, &ClientHints::default()));
        started.elapsed()
    };
    (0..TIMES).map(once).min().unwrap_or_default()
}

fn text(pieces: &[String], places: &[usize]) -> String {
    let mut text = String::new();
    for place in places {
        text += &pieces[*place];
    }
    text.chars().take(PARSED_USER_AGENT).collect()
}

/// The text between the special characters of all rules' expressions.
fn pieces() -> Vec<String> {
    let sources = [
        include_str!("../../data/regexes.json"),
        include_str!("../../data/tables/bots.tsv"),
        include_str!("../../data/tables/browsers.tsv"),
        include_str!("../../src/rules/bots.rs"),
        include_str!("../../src/rules/browsers.rs"),
        include_str!("../../src/rules/devices.rs"),
        include_str!("../../src/rules/kinds.rs"),
        include_str!("../../src/rules/systems.rs"),
    ];
    let is_literal = |char: char| char.is_ascii_alphanumeric() || " -_/;".contains(char);
    let pieces: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.split(|char| !is_literal(char)))
        .filter(|piece| (1..=24).contains(&piece.len()))
        .collect();
    let frame = [
        "Mozilla/5.0 (",
        "Android 1",
        "; ",
        " Build/",
        "AppleWebKit/",
        ")",
        "(",
        "1.2.3",
        " bot",
    ];
    let frame = frame.iter().cycle().take(200).copied();
    pieces.into_iter().chain(frame).map(str::to_owned).collect()
}
