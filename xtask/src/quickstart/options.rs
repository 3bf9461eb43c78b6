use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use crate::Failure;

pub(super) const USAGE: &str = "\
Builds and runs both programs on the embedded log, with a SQLite database as the sink.

Usage: cargo quickstart [FLAGS]

  --listen IP:PORT            the demo page and WebSocket clients [default: 127.0.0.1:8080]
  --admin-listen IP:PORT      metrics of ws-server [default: 127.0.0.1:9464]
  --consumer-listen IP:PORT   status of metadata-consumer [default: 127.0.0.1:8081]
  --data-dir DIR              the log and the database [default: ./data]";

/// The flags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: SocketAddr,
    pub(super) consumer_listen: SocketAddr,
    pub(super) data_dir: PathBuf,
}

impl Options {
    /// `None` for `--help`.
    pub(super) fn parse(arguments: &[String]) -> Result<Option<Self>, Failure> {
        let mut options = Self {
            listen: ([127, 0, 0, 1], 8080).into(),
            admin_listen: ([127, 0, 0, 1], 9464).into(),
            consumer_listen: ([127, 0, 0, 1], 8081).into(),
            data_dir: "./data".into(),
        };
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            if flag == "--help" || flag == "-h" {
                return Ok(None);
            }
            let value = arguments
                .next()
                .ok_or_else(|| format!("{flag} needs a value"))?;
            let address = || {
                let parsed = value.parse();
                parsed.map_err(|_| {
                    format!("{flag}: `{value}` is not IP:PORT; write e.g. 127.0.0.1:8080")
                })
            };
            match flag.as_str() {
                "--listen" => options.listen = address()?,
                "--admin-listen" => options.admin_listen = address()?,
                "--consumer-listen" => options.consumer_listen = address()?,
                "--data-dir" => options.data_dir = std::path::absolute(value)?,
                _ => return Err(format!("unknown flag {flag}\n\n{USAGE}").into()),
            }
        }
        Ok(Some(options))
    }

    /// Finds a taken port before minutes of building.
    pub(super) fn check_ports(&self) -> Result<(), Failure> {
        for (flag, address) in [
            ("--listen", self.listen),
            ("--admin-listen", self.admin_listen),
            ("--consumer-listen", self.consumer_listen),
        ] {
            TcpListener::bind(address).map_err(|error| {
                format!("{address} is not free ({error}); set another one with {flag}")
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Options>, Failure> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn without_flags_it_is_what_the_readme_says() {
        let options = parse(&[]).unwrap().unwrap();
        assert_eq!(options.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(options.data_dir, PathBuf::from("./data"));
    }

    #[test]
    fn a_bad_flag_is_named_with_its_remedy() {
        let message = |arguments: &[&str]| parse(arguments).unwrap_err().to_string();
        assert!(message(&["--port", "1"]).starts_with("unknown flag --port"));
        assert_eq!(message(&["--listen"]), "--listen needs a value");
        assert_eq!(
            message(&["--listen", "8080"]),
            "--listen: `8080` is not IP:PORT; write e.g. 127.0.0.1:8080"
        );
    }

    #[test]
    fn a_port_that_is_taken_is_refused_with_the_flag_that_helps() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let options = parse(&["--consumer-listen", &address]).unwrap().unwrap();
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            admin_listen: ([127, 0, 0, 1], 0).into(),
            ..options
        };
        let message = options.check_ports().unwrap_err().to_string();
        assert!(message.starts_with(&address), "{message}");
        assert!(message.ends_with("with --consumer-listen"), "{message}");
    }
}
