//! Rows in a PostgreSQL database.

mod check;
mod connect;
mod connection;
mod copy;
mod error;
mod keeper;
mod row;
mod schema;
mod sink;
mod tls;
mod totals;
mod values;
mod writer;

pub(crate) use check::changes;
pub(crate) use sink::PostgresSink;
