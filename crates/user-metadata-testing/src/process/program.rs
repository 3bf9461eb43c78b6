use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use super::{Lines, Running};
use crate::disk::SmallDisk;
use crate::target::{target_directory, workspace};

/// The environment variable with the folder of the built programs.
const PROGRAMS: &str = "USER_METADATA_PROGRAMS";

/// A program to run.
#[derive(Debug)]
pub struct Program {
    name: String,
    command: Command,
    input: Option<String>,
    is_echoed: bool,
}

impl Program {
    /// The program at `path`. It gets no standard input and a process group of its own, so that
    /// Ctrl-C on the terminal is for the parent alone.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let name = path.file_name().unwrap_or(path.as_os_str());
        let mut command = Command::new(path);
        command.stdin(Stdio::null()).process_group(0);
        Self {
            name: name.to_string_lossy().into_owned(),
            command,
            input: None,
            is_echoed: false,
        }
    }

    /// A program of this workspace: from the folder that `USER_METADATA_PROGRAMS` names, or built
    /// now.
    #[must_use]
    pub fn built(name: &str) -> Self {
        static FOLDER: OnceLock<PathBuf> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| match std::env::var_os(PROGRAMS) {
            Some(folder) => folder.into(),
            None => build(),
        });
        Self::new(folder.join(name))
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        self.args([argument])
    }

    /// Runs it in the namespace of `disk`, if there is one, in the root folder. Keeps what was set
    /// before, except for its folder and input.
    #[must_use]
    pub fn on<'a>(mut self, disk: impl Into<Option<&'a SmallDisk>>) -> Self {
        let Some(disk) = disk.into() else {
            return self;
        };
        let mut command = disk.enter();
        command
            .arg(self.command.get_program())
            .args(self.command.get_args())
            .stdin(Stdio::null())
            .process_group(0);
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        self.command = command;
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in another folder.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives it this text as its standard input.
    #[must_use]
    pub fn input(mut self, text: impl Into<String>) -> Self {
        self.input = Some(text.into());
        self.command.stdin(Stdio::piped());
        self
    }

    /// Prints what it writes, each line prefixed with its name, instead of collecting it.
    #[must_use]
    pub fn echoed(mut self) -> Self {
        self.is_echoed = true;
        self
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// It can't be started.
    pub fn start(mut self) -> io::Result<Running> {
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), self.input) {
            thread::spawn(move || stdin.write_all(input.as_bytes()));
        }
        let echo = self.is_echoed.then(|| self.name.clone());
        let stdout = Lines::of(child.stdout.take(), echo.clone());
        let stderr = Lines::of(child.stderr.take(), echo);
        Running::new(self.name, child, stdout, stderr)
    }

    /// [`start`](Self::start) that panics if it fails.
    pub(crate) fn must_start(self) -> Running {
        let name = self.name.clone();
        match self.start() {
            Ok(running) => running,
            Err(error) => panic!("{name} could not be started: {error}"),
        }
    }
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "-p",
            "ws-server",
            "-p",
            "metadata-consumer",
        ])
        .current_dir(workspace())
        .status();
    let is_built = built.as_ref().is_ok_and(std::process::ExitStatus::success);
    assert!(is_built, "the programs could not be built: {built:?}");
    target_directory().join("debug")
}
