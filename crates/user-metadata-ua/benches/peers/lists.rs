//! What is parsed.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

/// How many strings are drawn for the mix.
const DRAWN: usize = 50_000;

pub(crate) struct Lists {
    /// Each string once.
    pub(crate) unseen: Vec<String>,
    /// As often as people use them.
    pub(crate) mix: Vec<String>,
}

/// What `peers.mjs lists` prints.
#[derive(Deserialize)]
struct FromNpm {
    /// Those of people, with their share of the traffic (npm `user-agents`).
    used: Vec<(String, f64)>,
    /// Of crawlers (npm `crawler-user-agents`).
    crawlers: Vec<String>,
}

impl Lists {
    pub(crate) fn new(node: Option<&Path>) -> Self {
        let fixtures = fixtures();
        let from_npm = node.and_then(|node| {
            let json = crate::node::run(node, &["lists"], None)?;
            serde_json::from_str(&json).ok()
        });
        let FromNpm { used, crawlers } = from_npm.unwrap_or_else(|| FromNpm {
            used: fixtures.iter().map(|text| (text.clone(), 1.0)).collect(),
            crawlers: Vec::new(),
        });
        let texts = used.iter().map(|(text, _)| text.clone());
        let unseen: BTreeSet<_> = texts.chain(crawlers).chain(fixtures).collect();
        let mut unseen: Vec<_> = unseen.into_iter().collect();
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        for last in (1..unseen.len()).rev() {
            unseen.swap(last, random.below(last + 1));
        }
        let total: f64 = used.iter().map(|(_, share)| share).sum();
        let draw = |random: &mut Random| {
            let mut place = random.unit() * total;
            let found = used.iter().find(|(_, share)| {
                place -= share;
                place <= 0.0
            });
            found.unwrap_or(&used[0]).0.clone()
        };
        Self {
            mix: (0..DRAWN).map(|_| draw(&mut random)).collect(),
            unseen,
        }
    }
}

/// The strings of `fixtures/user-agents`.
pub(crate) fn fixtures() -> Vec<String> {
    #[derive(Deserialize)]
    struct Row {
        ua: String,
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/user-agents");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = files.map(|file| file.path());
    let lists = paths.filter(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let texts = lists.filter_map(|path| std::fs::read_to_string(path).ok());
    let texts: Vec<_> = texts.collect();
    let rows = texts.iter().flat_map(|text| text.lines());
    let strings = rows.filter_map(|line| Some(serde_json::from_str::<Row>(line).ok()?.ua));
    // Some parsers refuse it.
    strings.filter(|string| !string.is_empty()).collect()
}

/// The same numbers each time (xorshift64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        usize::try_from((self.next() >> 11) % bound).unwrap_or(0)
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
