//! Rows in a SQLite file.

mod database;
mod error;
mod row;
mod schema;
mod sink;
#[cfg(test)]
mod tests;
mod totals;

pub(crate) use database::changes;
pub use sink::SqliteSink;
