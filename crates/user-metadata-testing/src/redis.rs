//! A Redis server, and Redis's own client to inspect it with.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use crate::environment::variable;
use crate::missing::{Missing, tool};
use crate::port::Port;
use crate::process::{Program, Restartable};
use crate::scratch::Scratch;

const REMEDY: &str = "install redis-server";

/// A server on a free port, with an append-only file that is synced every second, as is usual;
/// stopped and removed when this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Restartable,
    arguments: Vec<String>,
    port: Port,
    data: Scratch,
}

impl Server {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    ///
    /// [`Missing`] without `redis-server`.
    pub fn start() -> Result<Self, Missing> {
        Self::with(&[])
    }

    /// Starts a server with these arguments in addition to the defaults, such as `--requirepass`.
    ///
    /// # Errors
    ///
    /// [`Missing`] without `redis-server`.
    pub fn with(arguments: &[&str]) -> Result<Self, Missing> {
        tool("redis-server", REMEDY)?;
        let mut server = Self {
            process: Restartable::new("Redis"),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            port: Port::free(),
            data: Scratch::new("redis"),
        };
        server.restart();
        Ok(server)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.port)
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// Freezes it (SIGSTOP): connections stay open, nothing answers.
    pub fn freeze(&self) {
        self.process.running().freeze();
    }

    /// Lets it continue (SIGCONT).
    pub fn thaw(&self) {
        self.process.running().thaw();
    }

    /// Kills it (SIGKILL): what it has not written to its file is lost. Port and file stay.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Asks it to stop (SIGTERM), and waits until it has. Port and file stay.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Cuts this many bytes off the end of its file, as a power cut before a sync does. It must not
    /// be running.
    pub fn lose(&mut self, bytes: u64) {
        assert!(!self.process.is_running(), "the server runs");
        let folder = self.data.path().join("appendonlydir");
        let files = std::fs::read_dir(&folder).map(|files| {
            let paths = files.flatten().map(|file| file.path());
            paths
                .filter(|path| path.to_string_lossy().ends_with(".incr.aof"))
                .max()
        });
        let cut = files.and_then(|last| {
            let path = last.ok_or(io::ErrorKind::NotFound)?;
            let file = std::fs::OpenOptions::new().write(true).open(path)?;
            file.set_len(file.metadata()?.len().saturating_sub(bytes))
        });
        assert!(cut.is_ok(), "{}: {cut:?}", folder.display());
    }

    /// Starts it again on the same port with the same file, and waits until it answers.
    pub fn restart(&mut self) {
        self.stop();
        let program = Program::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", ""])
            .args(["--port", &self.port.number().to_string()])
            .args(["--dir", &self.data.path().to_string_lossy()])
            .args(["--appendonly", "yes", "--appendfsync", "everysec"])
            .args(&self.arguments);
        self.process.start(program);
        let port = &self.port;
        self.process
            .wait_until_ready(|| is_ready(port).unwrap_or(false));
    }
}

/// Whether it answers, and not with "loading". "Password required" is an answer.
fn is_ready(port: &Port) -> io::Result<bool> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&port.address(), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"PING\r\n")?;
    let mut start = [0; 5];
    stream.read_exact(&mut start)?;
    Ok(matches!(&start, b"+PONG" | b"-NOAU"))
}

/// A server for tests that only need keys of their own: that of `REDIS_URL`, or else one that all
/// tests of this process share. Tests must not stop it.
///
/// # Errors
///
/// As [`Server::start`].
pub fn shared() -> Result<String, Missing> {
    static OWN: LazyLock<Result<Server, Missing>> = LazyLock::new(Server::start);
    match variable("REDIS_URL") {
        Some(url) => Ok(url),
        None => OWN.as_ref().map(Server::url).map_err(Clone::clone),
    }
}

/// The lines that Redis's own client prints for a command.
///
/// # Errors
///
/// [`Missing`] without `redis-cli`.
pub fn cli(url: &str, command: &[&str]) -> Result<Vec<String>, Missing> {
    let program = tool("redis-cli", "install redis-tools")?;
    let output = Command::new(program)
        .args(["--raw", "--no-auth-warning", "-u", url])
        .args(command)
        .output();
    match output {
        Ok(output) if output.status.success() => {
            let printed = String::from_utf8_lossy(&output.stdout);
            Ok(printed.lines().map(str::to_owned).collect())
        }
        other => panic!("redis-cli {command:?}: {other:?}"),
    }
}
