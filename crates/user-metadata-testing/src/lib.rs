#![doc = include_str!("../README.md")]
#![allow(
    clippy::missing_panics_doc,
    reason = "this is test code: it reports what is wrong by panicking"
)]

/// The examples of the repository's README compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(feature = "browser")]
pub mod browser;
mod disk;
mod environment;
pub mod http;
mod jars;
pub mod kafka;
#[cfg(feature = "load")]
pub mod load;
mod memory;
mod missing;
pub mod mongo;
mod port;
pub mod postgres;
pub mod process;
pub mod redis;
mod scratch;
mod target;
mod until;

pub use disk::SmallDisk;
pub use environment::{is_ci, is_root, variable};
pub use memory::most_memory;
pub use missing::{Missing, SKIPS, tool};
pub use port::Port;
pub use scratch::Scratch;
pub use target::{fixtures, target, workspace};
pub use until::until;
