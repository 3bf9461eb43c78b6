//! Lines of JSON, to standard output or any other writer.

mod lines;
mod sink;

pub use sink::NdjsonSink;
