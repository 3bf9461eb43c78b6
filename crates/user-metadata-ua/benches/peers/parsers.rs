//! The parsers that are compared.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use uaparser::Parser as _;
use user_metadata_ua::{CacheOptions, ClientHints, Parser};

use crate::lists;

pub(crate) trait Parse {
    fn parse(&mut self, user_agent: &str);

    /// Whether a whole list would take minutes.
    fn is_slow(&self) -> bool {
        false
    }
}

type Make = fn() -> Box<dyn Parse>;

/// Name, whether it has a cache, and how it is made.
pub(crate) const PARSERS: [(&str, bool, Make); 5] = [
    ("user-metadata-ua, with cache", true, || {
        Box::new(Ours(Parser::new().cached(CacheOptions::default())))
    }),
    ("user-metadata-ua", false, || Box::new(Ours(Parser::new()))),
    ("uaparser", false, || uaparser(true)),
    ("uaparser without Unicode", false, || uaparser(false)),
    ("woothee", false, || {
        Box::new(Woothee(woothee::parser::Parser::new()))
    }),
];

struct Ours(Parser);

impl Parse for Ours {
    fn parse(&mut self, user_agent: &str) {
        black_box(self.0.parse(user_agent, &ClientHints::default()));
    }
}

struct UapRust(uaparser::UserAgentParser);

impl Parse for UapRust {
    fn parse(&mut self, user_agent: &str) {
        black_box(self.0.parse(user_agent));
    }

    fn is_slow(&self) -> bool {
        true
    }
}

fn uaparser(unicode: bool) -> Box<dyn Parse> {
    let parser = uaparser::UserAgentParser::builder()
        .with_unicode_support(unicode)
        .build_from_bytes(include_bytes!("../../data/regexes.json"))
        .expect("the data are valid");
    Box::new(UapRust(parser))
}

struct Woothee(woothee::parser::Parser);

impl Parse for Woothee {
    fn parse(&mut self, user_agent: &str) {
        black_box(self.0.parse(user_agent));
    }
}

/// Starts one parser, uses it for the fixtures, and prints what both took.
pub(crate) fn start(name: &str) -> ExitCode {
    let Some((_, _, make)) = PARSERS.into_iter().find(|(known, _, _)| *known == name) else {
        return ExitCode::FAILURE;
    };
    let strings = lists::fixtures();
    let before = resident();
    let started = Instant::now();
    let mut parser = make();
    let took = started.elapsed().as_secs_f64() * 1_000.0;
    let at_start = resident().saturating_sub(before);
    for user_agent in &strings {
        parser.parse(user_agent);
    }
    let after_use = resident().saturating_sub(before);
    println!(
        "{took:>10.0} {:>14} {:>16}",
        at_start >> 20,
        after_use >> 20
    );
    ExitCode::SUCCESS
}

/// The process's memory in bytes, from Linux; 0 elsewhere.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kibibytes.unwrap_or(0_u64) * 1024
}
