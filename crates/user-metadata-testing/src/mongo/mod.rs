//! A server that speaks MongoDB's protocol, from published jars. It is not MongoDB: it has a single
//! node, no real sessions and no transactions, so tests prove only what needs none of these.

mod ready;
mod server;

pub use server::{Server, shared};
