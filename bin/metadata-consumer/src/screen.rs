use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget};

/// Standard error, shared by the log and a progress bar.
#[derive(Clone, Default)]
pub(crate) struct Screen {
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Screen {
    /// Shows the bar until [`leave`](Self::leave), if this is a terminal; returns whether it is.
    pub(crate) fn show(&self, bar: &ProgressBar) -> bool {
        let is_terminal = io::stderr().is_terminal();
        if is_terminal {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            self.set(Some(bar.clone()));
        }
        is_terminal
    }

    /// Leaves the bar on the screen, above what follows.
    pub(crate) fn leave(&self) {
        if let Some(bar) = self.set(None) {
            bar.abandon();
        }
    }

    fn set(&self, bar: Option<ProgressBar>) -> Option<ProgressBar> {
        // Nothing panics while it is locked.
        let mut shown = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut shown, bar)
    }
}

impl Write for Screen {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match &*bar {
            Some(bar) => bar.suspend(|| io::stderr().write_all(line))?,
            None => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
