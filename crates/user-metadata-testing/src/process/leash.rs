use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Kills a process and its children when this process ends, even by SIGKILL, and also if this is in
/// a `static`: a shell waits for the end of its standard input, which comes when the other end is
/// closed.
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

    /// Lets go: the process has ended, and its id may soon be reused.
    pub(super) fn release(&mut self) {
        // Kills the shell first, so that it does not react to the end of its input.
        if self.0.kill().is_ok() {
            drop(self.0.wait());
        }
    }
}
