//! Documents in MongoDB: one per event, and one per user.

mod check;
mod command;
mod config;
mod document;
mod error;
mod sink;
mod store;
mod user;

pub(crate) use check::changes;
pub(crate) use config::MongoConfig;
pub use sink::MongoSink;
