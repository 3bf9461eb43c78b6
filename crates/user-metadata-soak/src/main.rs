#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout)] // a program for a terminal

use std::process::ExitCode;

use user_metadata_soak::{Options, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::read(&arguments) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(report) => {
            println!("{report}");
            if report.is_good() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(missing) => {
            eprintln!("missing: {missing}");
            ExitCode::FAILURE
        }
    }
}
