use std::io;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use super::Lines;
use super::leash::Leash;
use crate::until::until;

const START: Duration = Duration::from_secs(60);

/// A running program, killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    leash: Leash,
    stdout: Lines,
    stderr: Lines,
}

/// A program that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All lines of its standard output.
    pub stdout: Vec<String>,
    /// All lines of its standard error.
    pub stderr: Vec<String>,
}

impl Running {
    pub(super) fn new(
        name: String,
        mut child: Child,
        stdout: Lines,
        stderr: Lines,
    ) -> io::Result<Self> {
        match Leash::new(child.id()) {
            Ok(leash) => Ok(Self {
                name,
                child,
                leash,
                stdout,
                stderr,
            }),
            Err(error) => {
                child.kill()?;
                Err(error)
            }
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it writes to standard output.
    #[must_use]
    pub fn stdout(&self) -> &Lines {
        &self.stdout
    }

    /// What it writes to standard error.
    #[must_use]
    pub fn stderr(&self) -> &Lines {
        &self.stderr
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.exit_status().is_some()
    }

    /// Panics with its output if it ends before it is ready, and if that takes more than 60 s, which
    /// a debug build on a busy machine may need.
    pub(crate) fn wait_until_ready(&mut self, name: &str, mut is_ready: impl FnMut() -> bool) {
        until(&format!("{name}'s start"), START, || {
            let lines = [self.stdout.so_far(), self.stderr.so_far()].concat();
            assert!(!self.has_ended(), "{name} ended:\n{}", lines.join("\n"));
            is_ready().then_some(())
        });
    }

    /// Asks it to stop (SIGTERM).
    pub fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// Asks it to stop, and waits until it has.
    #[must_use]
    pub fn stop(self) -> Ended {
        self.ask_to_stop();
        self.wait()
    }

    /// Kills it and the processes that it has started (SIGKILL). It may have ended already.
    #[must_use]
    pub fn kill(mut self) -> Ended {
        self.kill_in_place()
    }

    pub(super) fn kill_in_place(&mut self) -> Ended {
        if !self.has_ended() {
            send("KILL", &format!("-{}", self.pid()));
        }
        self.wait_in_place()
    }

    /// Waits until it ends by itself; panics if it doesn't within 60 s.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        self.wait_in_place()
    }

    fn wait_in_place(&mut self) -> Ended {
        let what = format!("the end of {}", self.name);
        let status = until(&what, Duration::from_secs(60), || self.exit_status());
        Ended {
            code: status.code(),
            stdout: self.stdout.wait_for_end(),
            stderr: self.stderr.wait_for_end(),
        }
    }

    /// Freezes its threads (SIGSTOP): its sockets stay open and nothing answers.
    pub fn freeze(&self) {
        self.signal("STOP");
        until("the freeze", Duration::from_secs(10), || {
            self.is_frozen().then_some(())
        });
    }

    /// Lets it continue (SIGCONT).
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Whether every thread is stopped; without /proc, it is assumed.
    fn is_frozen(&self) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.pid())) else {
            return true;
        };
        threads.flatten().all(|thread| {
            let state = std::fs::read_to_string(thread.path().join("stat"));
            state.is_ok_and(|state| state.contains(") T "))
        })
    }

    fn signal(&self, name: &str) {
        send(name, &self.pid().to_string());
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait();
        assert!(status.is_ok(), "{}: {status:?}", self.name);
        let status = status.ok().flatten();
        if status.is_some() {
            self.leash.release();
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            send("KILL", &format!("-{}", self.pid()));
            drop(self.child.wait());
            self.leash.release();
        }
    }
}

/// Sends a signal to a process, or to its group if its id has a minus in front.
fn send(signal: &str, to: &str) {
    let sent = Command::new("sh")
        .args(["-c", "kill -\"$0\" \"$1\"", signal, to])
        .status();
    let is_sent = sent.as_ref().is_ok_and(ExitStatus::success);
    assert!(is_sent, "{to} got no SIG{signal}: {sent:?}");
}
