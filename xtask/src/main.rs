//! What people run by hand and CI runs too: `cargo xtask COMMAND`.
#![allow(clippy::print_stdout)] // a program for a terminal

mod bench;
mod cargo;
mod needs;
mod quickstart;
mod services;
mod test;
mod ua_data;

use std::error::Error;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  quickstart          builds and runs both programs on the embedded log (--help tells its flags)
  test [ARGUMENTS]    runs all tests, or those of `cargo test ARGUMENTS`, with all that they need
  bench [PART]        measures joins, storing, latency and disk, or one of them, against their floors,
                      in release mode
  bench publish [--quick]
                      measures the publisher against other clients of Kafka
  bench consumer [--quick]
                      measures the way from Kafka into PostgreSQL against other programs
  faults [ARGUMENTS]  lets Kafka, its topic, disks and ws-server fail under load, and says what
                      became of the events; --short in 4 minutes, --help names the faults
  soak [--minutes N]  lets consumers join, leave and be killed in the middle of a million events,
                      and counts; or for so long, with a rebalance every minute
  ua-data             renews the rules for User-Agents from a package registry";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let asks_for_help = rest.iter().any(|word| word == "--help" || word == "-h");
    let result = match command.as_str() {
        "test" | "bench" | "soak" | "ua-data" if asks_for_help => {
            println!("{USAGE}");
            Ok(())
        }
        "quickstart" => quickstart::run(&rest),
        "test" => test::run(&rest),
        "bench" => bench::run(&rest),
        "faults" => bench::faults(&rest),
        "soak" => bench::soak(&rest),
        "ua-data" if !rest.is_empty() => Err("it takes no argument".into()),
        "ua-data" => ua_data::run().map_err(Into::into),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => Err(format!("no command `{unknown}`\n\n{USAGE}").into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What ends a command: for the person at the terminal, no code looks into it.
type Failure = Box<dyn Error>;
