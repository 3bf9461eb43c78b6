#[cfg(feature = "stdout")]
use std::io::{self, ErrorKind, Write};

use user_metadata_consumer::{Delivery, Rejection};

/// A batch as lines, and the events that can't be one.
pub(crate) fn encode(batch: &[Delivery]) -> (Vec<u8>, Vec<Rejection>) {
    let size = batch.iter().map(|delivery| delivery.record.size() + 1);
    let mut lines = Vec::with_capacity(size.sum());
    let mut rejections = Vec::new();
    for (index, delivery) in batch.iter().enumerate() {
        let start = lines.len();
        match &delivery.record.value {
            Some(value) => lines.extend(value.trim_ascii().iter().map(in_one_line)),
            None => {
                if let Err(error) = serde_json::to_writer(&mut lines, &delivery.event) {
                    lines.truncate(start);
                    rejections.push(Rejection::new(index, format!("not JSON: {error}")));
                    continue;
                }
            }
        }
        lines.push(b'\n');
    }
    (lines, rejections)
}

/// JSON has line breaks only between tokens, where a space means the same.
fn in_one_line(byte: &u8) -> u8 {
    match byte {
        b'\n' | b'\r' => b' ',
        byte => *byte,
    }
}

/// Writes lines, and remembers whether a failure left one incomplete.
#[cfg(feature = "stdout")]
#[derive(Debug)]
pub(super) struct LineWriter<W> {
    writer: W,
    is_torn: bool,
}

#[cfg(feature = "stdout")]
impl<W: Write> LineWriter<W> {
    pub(super) const fn new(writer: W) -> Self {
        Self {
            writer,
            is_torn: false,
        }
    }

    /// Writes all of `lines` and flushes.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.is_torn {
            // The batch is delivered again: without this, its first event would become part of the
            // line that the last failure left incomplete.
            self.write_all(b"\n")?;
        }
        self.write_all(lines)?;
        self.writer.flush()
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.writer.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => {
                    let (done, rest) = bytes.split_at(written.min(bytes.len()));
                    self.is_torn = done.last() != Some(&b'\n');
                    bytes = rest;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
