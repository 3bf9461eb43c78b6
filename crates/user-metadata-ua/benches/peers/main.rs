//! `cargo bench -p user-metadata-ua`: this crate and other parsers on the same lists in one run.
//! Prints rates and ratios; nothing fails because it is slow.
//!
//! The lists and the parsers for Node come from npm (see `peers.mjs`), into `target/`; none of them
//! is part of this project. Without Node, the fixtures are the list.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a program for people"
)]

mod hostile;
mod lists;
mod node;
mod parsers;

use std::process::{Command, ExitCode};
use std::time::Instant;

use lists::Lists;
use parsers::{PARSERS, Parse};

/// Rounds in which all parsers take turns, so that none alone profits from a quiet minute of the
/// machine.
const ROUNDS: usize = 5;
/// Slow parsers get this many strings of a list in a round.
const SHORT: usize = 1_000;

fn main() -> ExitCode {
    // Each parser also starts in a process of its own, which reports what it takes.
    if let Ok(name) = std::env::var("UA_BENCH_START") {
        return parsers::start(&name);
    }
    let folder = node::install();
    let lists = Lists::new(folder.as_deref());
    println!(
        "{} different strings; {} drawn by how often people use them; {ROUNDS} rounds, medians\n",
        lists.unseen.len(),
        lists.mix.len()
    );
    compare(
        "unseen strings",
        "uaparser",
        &lists.unseen,
        folder.as_deref(),
        false,
    );
    compare(
        "the mix that people use",
        "ua-parser-js",
        &lists.mix,
        folder.as_deref(),
        true,
    );
    starts();
    hostile::search();
    ExitCode::SUCCESS
}

/// One line a parser: strings a second, and the ratio to `base`.
fn compare(title: &str, base: &str, list: &[String], node: Option<&std::path::Path>, cached: bool) {
    let mut parsers: Vec<(&str, Box<dyn Parse>)> = Vec::new();
    for (name, is_cached, make) in PARSERS {
        if cached || !is_cached {
            parsers.push((name, make()));
        }
    }
    let mut rates: Vec<(String, Vec<f64>)> = Vec::new();
    for _ in 0..ROUNDS {
        for (name, parser) in &mut parsers {
            let part = if parser.is_slow() {
                SHORT.min(list.len())
            } else {
                list.len()
            };
            let started = Instant::now();
            for user_agent in &list[..part] {
                parser.parse(user_agent);
            }
            #[expect(clippy::cast_precision_loss, reason = "thousands of strings")]
            let rate = part as f64 / started.elapsed().as_secs_f64();
            add(&mut rates, name, rate);
        }
        for (name, rate) in node.map(|node| node::rates(node, list)).unwrap_or_default() {
            add(&mut rates, &name, rate);
        }
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let medians: Vec<_> = rates
        .into_iter()
        .map(|(name, mut rates)| (name, median(&mut rates)))
        .collect();
    let of_base = medians
        .iter()
        .find(|(name, _)| name == base)
        .map(|(_, rate)| *rate);
    println!("{title:32} {:>12} {:>10}", "strings/s", format!("× {base}"));
    for (name, rate) in &medians {
        let ratio = of_base.map_or("-".to_owned(), |base| format!("{:.1}", rate / base));
        println!("  {name:30} {rate:>12.0} {ratio:>10}");
    }
    println!();
}

fn add(rates: &mut Vec<(String, Vec<f64>)>, name: &str, rate: f64) {
    match rates.iter_mut().find(|(known, _)| known == name) {
        Some((_, rates)) => rates.push(rate),
        None => rates.push((name.to_owned(), vec![rate])),
    }
}

/// What the start of each parser takes, and what it takes in memory then and after the list.
fn starts() {
    println!(
        "{:32} {:>10} {:>14} {:>16}",
        "start", "ms", "memory, MiB", "after use, MiB"
    );
    for (name, _, _) in PARSERS {
        let program = std::env::current_exe().map_err(|error| error.to_string());
        let output = program.and_then(|program| {
            let output = Command::new(program).env("UA_BENCH_START", name).output();
            output.map_err(|error| error.to_string())
        });
        match output {
            Ok(output) => print!("  {name:30} {}", String::from_utf8_lossy(&output.stdout)),
            Err(error) => println!("  {name:30} {error}"),
        }
    }
    println!();
}
