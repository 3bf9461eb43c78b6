use std::process::Command;

use super::{Database, Programs};
use crate::disk::SmallDisk;
use crate::missing::Missing;
use crate::port::Port;
use crate::process::Restartable;
use crate::scratch::Scratch;

const USER: &str = "tester";
const PASSWORD: &str = "correct-horse";

/// A PostgreSQL server on a free port of the loopback address, with its own data; stopped and
/// removed when this is dropped. It requires a password and, for speed, does not sync to disk.
#[derive(Debug)]
pub struct Server {
    process: Restartable,
    programs: Programs,
    settings: Vec<String>,
    port: Port,
    disk: Option<SmallDisk>,
    scratch: Scratch,
}

impl Server {
    /// Starts a server and waits until it answers: 2 s.
    ///
    /// # Errors
    ///
    /// [`Missing`] without PostgreSQL.
    pub fn start() -> Result<Self, Missing> {
        Self::with(None, &[])
    }

    /// Starts a server with its data on a small disk, of at least 128 MiB.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_on(disk: SmallDisk) -> Result<Self, Missing> {
        Self::with(Some(disk), &["max_wal_size=32MB", "wal_recycle=off"])
    }

    /// Starts a server with these settings (`name=value`) in addition to the defaults.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_with(settings: &[&str]) -> Result<Self, Missing> {
        Self::with(None, settings)
    }

    fn with(disk: Option<SmallDisk>, settings: &[&str]) -> Result<Self, Missing> {
        let mut server = Self {
            process: Restartable::new("PostgreSQL"),
            programs: Programs::find()?,
            settings: settings.iter().copied().map(str::to_owned).collect(),
            port: Port::free(),
            disk,
            scratch: Scratch::new("postgres"),
        };
        server.initialise();
        server.restart();
        Ok(server)
    }

    fn initialise(&self) {
        let password = self.scratch.file("password");
        let written = std::fs::write(&password, PASSWORD);
        assert!(written.is_ok(), "{password}: {written:?}");
        let initdb = self.programs.program("initdb").args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            // SCRAM takes 0.2 s in a debug build of the client.
            "--auth=password",
            &format!("--username={USER}"),
            &format!("--pwfile={password}"),
            &format!("--pgdata={}", self.data()),
        ]);
        let ended = initdb.on(self.disk()).must_start().wait();
        assert_eq!(ended.code, Some(0), "initdb: {ended:?}");
    }

    /// A new database on it.
    #[must_use]
    pub fn database(&self) -> Database {
        Database::create(&self.programs.psql(), &self.url())
    }

    /// Its URL: `postgres://USER:PASSWORD@HOST:PORT/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{USER}:{PASSWORD}@{}/postgres", self.port)
    }

    /// Ends it like `pg_ctl stop -m immediate`: transactions are aborted, no page is written.
    /// Port and data stay.
    pub fn crash(&mut self) {
        self.end("QUIT");
    }

    /// Ends it like `pg_ctl stop -m fast`: connections are closed, committed data is on disk.
    pub fn stop(&mut self) {
        self.end("INT");
    }

    fn end(&mut self, by: &str) {
        if let Some(running) = self.process.take() {
            signal(by, running.pid());
            drop(running.wait());
        }
    }

    /// Starts it again on the same port with the same data, and waits until it answers.
    pub fn restart(&mut self) {
        self.crash();
        let mut server = self.programs.program("postgres").args([
            "-D",
            &self.data(),
            "-p",
            &self.port.number().to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "unix_socket_directories=",
            "-c",
            "fsync=off",
        ]);
        for setting in &self.settings {
            server = server.args(["-c", setting]);
        }
        self.process.start(server.on(self.disk.as_ref()));
        let (programs, port) = (&self.programs, self.port.number());
        self.process.wait_until_ready(|| {
            let ready = programs.program("pg_isready").args([
                "--quiet",
                "--host=127.0.0.1",
                &format!("--port={port}"),
            ]);
            ready.must_start().wait().code == Some(0)
        });
    }

    /// Freezes all its processes (SIGSTOP): connections stay open, nothing answers.
    pub fn freeze(&self) {
        let running = self.process.running();
        running.freeze();
        for backend in children(running.pid()) {
            signal("STOP", backend);
        }
    }

    /// Lets it continue (SIGCONT).
    pub fn thaw(&self) {
        let running = self.process.running();
        for backend in children(running.pid()) {
            signal("CONT", backend);
        }
        running.thaw();
    }

    /// Whether it runs; it may end by itself when its disk is full.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The small disk with its data, if it has one.
    #[must_use]
    pub fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    fn data(&self) -> String {
        match &self.disk {
            Some(disk) => disk.file("data"),
            None => self.scratch.file("data"),
        }
    }
}

/// A hanging process of the server must not make the end of a test hang.
impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = self.process.take() {
            let backends = children(running.pid());
            drop(running.kill());
            for backend in backends {
                // A frozen one has not noticed that its parent is gone.
                kill("CONT", backend);
            }
        }
    }
}

/// Each backend is in a session of its own, so signals to the process group don't reach it.
fn children(parent: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let children = children.unwrap_or_default();
    let ids = children.split_whitespace().map(str::parse);
    ids.filter_map(Result::ok).collect()
}

fn signal(name: &str, pid: u32) {
    assert!(kill(name, pid), "{pid} got no SIG{name}");
}

fn kill(name: &str, pid: u32) -> bool {
    let sent = Command::new("sh")
        .args(["-c", "kill -\"$0\" \"$1\" 2> /dev/null", name])
        .arg(pid.to_string())
        .status();
    sent.is_ok_and(|status| status.success())
}
