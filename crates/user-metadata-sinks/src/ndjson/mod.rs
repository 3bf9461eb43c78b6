//! Lines of JSON, to standard output or any other writer.

mod lines;
#[cfg(feature = "stdout")]
mod sink;

#[cfg(feature = "file")]
pub(crate) use lines::encode;
#[cfg(feature = "stdout")]
pub use sink::NdjsonSink;
