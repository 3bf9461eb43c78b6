use super::{Ended, Program, Running};
use crate::disk::SmallDisk;
use crate::http::{self, Response};
use crate::port::Port;
use crate::scratch::Scratch;

/// A ws-server on free ports.
#[derive(Debug)]
pub struct WsServer {
    /// The process.
    pub running: Running,
    listen: Port,
    admin: Port,
    /// Its data directory, unless a flag names another.
    data: Scratch,
}

impl WsServer {
    /// Starts a server with these flags in addition to those of its ports, and waits until it
    /// answers.
    #[must_use]
    pub fn start(flags: &[&str]) -> Self {
        Self::start_on(None, flags)
    }

    /// [`start`](Self::start) on a small disk.
    #[must_use]
    pub fn start_on(disk: Option<&SmallDisk>, flags: &[&str]) -> Self {
        let (listen, admin) = (Port::free(), Port::free());
        let data = Scratch::new("ws-server");
        let running = Self::program(disk, flags, [&listen, &admin], &data).must_start();
        let mut server = Self {
            running,
            listen,
            admin,
            data,
        };
        wait_until_alive(&mut server.running, &server.listen);
        server
    }

    /// Kills it (SIGKILL), and starts another on its ports as [`start_on`](Self::start_on) does.
    pub fn kill_and_start_on(&mut self, disk: Option<&SmallDisk>, flags: &[&str]) -> Ended {
        let ports = [&self.listen, &self.admin];
        let program = Self::program(disk, flags, ports, &self.data);
        let killed = self.running.kill_in_place();
        self.running = program.must_start();
        wait_until_alive(&mut self.running, &self.listen);
        killed
    }

    fn program(
        disk: Option<&SmallDisk>,
        flags: &[&str],
        ports: [&Port; 2],
        data: &Scratch,
    ) -> Program {
        Program::built("ws-server")
            .env("USER_METADATA_DATA_DIR", data.path())
            .args(["--listen", &ports[0].to_string()])
            .args(["--admin-listen", &ports[1].to_string()])
            .args(flags)
            .on(disk)
    }

    /// The port for WebSocket clients and pages.
    #[must_use]
    pub fn listen(&self) -> &Port {
        &self.listen
    }

    /// The operators' port.
    #[must_use]
    pub fn admin_listen(&self) -> &Port {
        &self.admin
    }

    /// A GET on the public port.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        answered(&self.listen, path)
    }

    /// A GET on the operators' port.
    #[must_use]
    pub fn admin(&self, path: &str) -> Response {
        answered(&self.admin, path)
    }
}

/// A metadata-consumer on a free port.
#[derive(Debug)]
pub struct MetadataConsumer {
    /// The process.
    pub running: Running,
    listen: Port,
}

impl MetadataConsumer {
    /// Starts a consumer with these flags in addition to that of its port, and waits until it
    /// answers.
    #[must_use]
    pub fn start(flags: &[&str]) -> Self {
        let listen = Port::free();
        let program = Program::built("metadata-consumer")
            .args(["--listen", &listen.to_string()])
            .args(flags);
        let mut consumer = Self {
            running: program.must_start(),
            listen,
        };
        wait_until_alive(&mut consumer.running, &consumer.listen);
        consumer
    }

    /// A GET on the operators' port.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        answered(&self.listen, path)
    }
}

fn wait_until_alive(running: &mut Running, port: &Port) {
    running.wait_until_ready("/livez", || {
        http::get(port.address(), "/livez").is_ok_and(|response| response.status == 200)
    });
}

fn answered(port: &Port, path: &str) -> Response {
    match http::get(port.address(), path) {
        Ok(response) => response,
        Err(error) => panic!("{port}{path} did not answer: {error}"),
    }
}
