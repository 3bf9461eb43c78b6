use std::io::{self, Write as _};

use crate::Failure;

/// Writes to standard output. A closed pipe is not a failure.
///
/// # Errors
///
/// [`Failure::Runtime`]: it can't be written, e.g. because the disk is full.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::runtime(&error)),
        _ => Ok(()),
    }
}
