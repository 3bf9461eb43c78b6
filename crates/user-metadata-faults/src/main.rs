#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout)] // a program for a terminal

mod act;
mod fault;
mod judge;
mod kafka;
mod matrix;
mod options;
mod run;
mod sample;
mod stage;
mod table;
mod topic;

use std::process::ExitCode;

use crate::options::Options;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match Options::read(&arguments) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    match matrix::run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
