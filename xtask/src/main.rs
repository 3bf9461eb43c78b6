//! What people run by hand, and CI too: `cargo xtask COMMAND`.
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

  quickstart          builds and runs both programs on the embedded log (--help lists its flags)
  test [ARGUMENTS]    runs all tests, or `cargo test ARGUMENTS`, with the services that they need
  bench [PART]        measures joins, storing, latency and disk, or one of them, and compares each
                      with the least that it could take, in release mode
  bench publish [--quick]
                      compares the publisher with other Kafka clients
  bench consumer [--quick]
                      compares the consumer, from Kafka into PostgreSQL, with other programs
  faults [ARGUMENTS]  makes Kafka, its topic, disks and ws-server fail under load, and accounts for
                      every event; --short takes 4 minutes, --help lists the faults
  soak [--minutes N]  makes consumers join, leave and crash during a million events, and accounts
                      for every event; or for N minutes, with a rebalance every minute
  ua-data             updates the User-Agent rules from a package registry";

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
        "ua-data" if !rest.is_empty() => Err("takes no arguments".into()),
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

/// Why a command failed, for people: no code inspects it.
type Failure = Box<dyn Error>;
