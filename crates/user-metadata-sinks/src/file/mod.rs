//! Lines of JSON in a file, and a new file when it is full.

mod lines;
mod sink;

pub(crate) use lines::changes;
pub use sink::{FileSink, Rotation};
