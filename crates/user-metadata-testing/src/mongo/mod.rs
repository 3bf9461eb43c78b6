//! A server that speaks MongoDB's protocol, from published jars. It is not MongoDB: it has one node,
//! no sessions worth the name and no transactions, so what a test proves with it holds where the
//! server promises no more than that.

mod ready;
mod server;

pub use server::{Server, shared};
