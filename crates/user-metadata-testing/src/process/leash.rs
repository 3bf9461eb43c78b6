use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Kills a process and its children when this one ends, even by kill −9 or as the value of a `static`: a shell waits
/// for the end of its standard input, which comes when nobody holds the other end any more.
#[derive(Debug)]
pub(super) struct Leash(Child);

impl Leash {
    pub(super) fn new(pid: u32) -> io::Result<Self> {
        Command::new("sh")
            .args(["-c", "trap '' HUP INT TERM; read -r _; kill -9 -\"$0\""])
            .arg(pid.to_string())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map(Self)
    }

    /// Lets go: the process has ended, and its id may soon be another's.
    pub(super) fn release(&mut self) {
        // The shell is killed first, so that the end of its input tells it nothing.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}
