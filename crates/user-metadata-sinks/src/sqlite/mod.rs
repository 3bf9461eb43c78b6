//! Rows in a SQLite file.

mod database;
mod error;
mod row;
mod schema;
mod sink;
#[cfg(test)]
mod tests;

pub use sink::SqliteSink;
