#![doc = include_str!("../README.md")]

mod agent;
mod brand;
mod cache;
mod class;
mod client;
mod device;
mod engine;
mod hints;
mod merge;
mod models;
mod parser;
mod platform;
mod rules;
mod structured_field;
mod system;
mod tables;
mod text;
mod version;

pub use cache::{CacheOptions, CacheStats};
pub use client::{Browser, Client, ClientKind, HintsUse, Os};
pub use device::{Device, DeviceType};
pub use engine::RegexesError;
pub use hints::{Brand, ClientHints, InvalidHints};
pub use parser::{PARSED_USER_AGENT, Parser};
