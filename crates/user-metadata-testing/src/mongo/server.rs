use std::sync::LazyLock;

use super::ready::answers;
use crate::environment::{variable, with_database};
use crate::jars::{Jars, sources};
use crate::missing::Missing;
use crate::port::Port;
use crate::process::Restartable;
use crate::scratch::Scratch;

/// The version of mongo-java-server in `mongo/pom.xml`.
const VERSION: &str = "1.47.0";

/// A server on a free port, with its own data; stopped and removed when this is dropped.
#[derive(Debug)]
pub struct Server {
    process: Restartable,
    jars: Jars,
    port: Port,
    data: Scratch,
}

impl Server {
    /// Starts a server and waits until it answers: about 2 s.
    ///
    /// # Errors
    ///
    /// [`Missing`] without Java, or if its jars can't be downloaded.
    pub fn start() -> Result<Self, Missing> {
        let mut server = Self {
            process: Restartable::new("the MongoDB server"),
            jars: Jars::find("mongo", VERSION)?,
            port: Port::free(),
            data: Scratch::new("mongo"),
        };
        server.restart();
        Ok(server)
    }

    /// Its URL, with the name of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://{}/{database}", self.port)
    }

    /// Freezes it (SIGSTOP): connections stay open, nothing answers.
    pub fn freeze(&self) {
        self.process.running().freeze();
    }

    /// Lets it continue (SIGCONT).
    pub fn thaw(&self) {
        self.process.running().thaw();
    }

    /// Asks it to stop (SIGTERM), and waits until it has. Port and data stay.
    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts it again on the same port with the same data, and waits until it answers.
    pub fn restart(&mut self) {
        self.stop();
        let source = sources("mongo").join("Server.java");
        let (port, data) = (self.port.number().to_string(), self.data.file("data"));
        let program = self
            .jars
            .program(&source.to_string_lossy(), &[&port, &data]);
        self.process.start(program);
        let address = self.port.address();
        self.process.wait_until_ready(|| answers(address).is_ok());
    }
}

/// The URL of `database` on a server for tests that only need a database of their own: that of
/// `MONGODB_URL`, or else one that all tests of this process share. Tests must not stop it.
///
/// # Errors
///
/// As [`Server::start`].
pub fn shared(database: &str) -> Result<String, Missing> {
    static OWN: LazyLock<Result<Server, Missing>> = LazyLock::new(Server::start);
    match variable("MONGODB_URL") {
        Some(url) => Ok(with_database(&url, database)),
        None => match &*OWN {
            Ok(own) => Ok(own.url(database)),
            Err(missing) => Err(missing.clone()),
        },
    }
}
