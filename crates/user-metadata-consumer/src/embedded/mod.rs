//! Reading the embedded log, and appending dead letters to one.

mod source;
mod tail;
mod topic;
mod writer;

pub(crate) use source::LogSource;
pub(crate) use topic::Topic;
pub use writer::LogTopicWriter;
