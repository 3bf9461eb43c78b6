#![doc = include_str!("../README.md")]

mod act;
mod crowd;
mod options;
mod report;
mod run;
mod target;
mod topic;

pub use options::{Options, Protocol};
pub use report::Report;
pub use run::run;
