use std::sync::OnceLock;

use super::ready::wait_until_ready;
use crate::jars::{Jars, sources};
use crate::missing::Missing;
use crate::port::Port;
use crate::process::{Program, Running};
use crate::scratch::Scratch;

/// The version of mongo-java-server, as `mongo/pom.xml` has it.
const VERSION: &str = "1.47.0";

/// A server of its own, on a free port, with its own data; gone when this is dropped.
#[derive(Debug)]
pub struct Server {
    running: Option<Running>,
    jars: Jars,
    port: Port,
    data: Scratch,
}

impl Server {
    /// Starts one and waits until it answers: about 2 s.
    ///
    /// # Errors
    ///
    /// [`Missing`] without Java, or where its jars can't be had.
    pub fn start() -> Result<Self, Missing> {
        let mut server = Self {
            running: None,
            jars: Jars::find("mongo", VERSION)?,
            port: Port::free(),
            data: Scratch::new("mongo"),
        };
        server.restart();
        Ok(server)
    }

    /// Its URL, with the name of a database behind it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("mongodb://{}/{database}", self.port)
    }

    /// Stops it where it is (SIGSTOP): connections stay open, nothing answers.
    pub fn freeze(&self) {
        self.running().freeze();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.running().thaw();
    }

    /// Asks it to stop (SIGTERM), and waits until it has. Port and data stay.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.stop());
        }
    }

    /// Starts it again on the same port with the same data, and waits until it answers.
    pub fn restart(&mut self) {
        self.stop();
        let source = sources("mongo").join("Server.java");
        let (port, data) = (self.port.number().to_string(), self.data.file("data"));
        let program = self
            .jars
            .program(&source.to_string_lossy(), &[&port, &data]);
        match Program::start(program) {
            Ok(mut running) => {
                wait_until_ready(&mut running, self.port.address());
                self.running = Some(running);
            }
            Err(error) => panic!("the MongoDB server could not be started: {error}"),
        }
    }

    fn running(&self) -> &Running {
        match &self.running {
            Some(running) => running,
            None => panic!("the MongoDB server does not run"),
        }
    }
}

/// A server for tests that only need a database of their own, and the name that they give it: that
/// of `MONGODB_URL`, else one that all tests of this process share. Nobody may stop it.
///
/// # Errors
///
/// As [`Server::start`].
pub fn shared(database: &str) -> Result<String, Missing> {
    static OWN: OnceLock<Result<Server, Missing>> = OnceLock::new();
    match std::env::var("MONGODB_URL") {
        Ok(url) if !url.is_empty() => Ok(with_database(&url, database)),
        _ => {
            let own = OWN.get_or_init(Server::start);
            own.as_ref()
                .map(|server| server.url(database))
                .map_err(Clone::clone)
        }
    }
}

/// Puts a database in the place of the one that a URL has, if it has one.
fn with_database(url: &str, database: &str) -> String {
    let (hosts, options) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, hosts) = hosts.split_once("://").unwrap_or(("mongodb", hosts));
    let hosts = hosts.split('/').next().unwrap_or_default();
    let options = if options.is_empty() {
        String::new()
    } else {
        format!("?{options}")
    };
    format!("{scheme}://{hosts}/{database}{options}")
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_given_server_keeps_its_options_and_gets_the_tests_database() {
        for (url, expected) in [
            ("mongodb://h:1", "mongodb://h:1/t"),
            ("mongodb://h:1/", "mongodb://h:1/t"),
            (
                "mongodb://u:p@h,i/db?tls=true",
                "mongodb://u:p@h,i/t?tls=true",
            ),
        ] {
            assert_eq!(with_database(url, "t"), expected);
        }
    }
}
