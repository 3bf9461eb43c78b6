use std::net::SocketAddr;
use std::time::Duration;

use user_metadata_testing::load::Load;
use user_metadata_testing::process::{Program, Running, WsServer};
use user_metadata_testing::{Port, Scratch, until};

use crate::cpu::cpu_time;
use crate::verdict::Verdict;
use crate::{Failure, bare};

const ROUNDS: usize = 3;
const CONNECTIONS: u32 = 20_000;
/// Joins per second that one core must handle.
const FLOOR: f64 = 10_000.0;

/// A server that is measured.
struct Candidate {
    name: &'static str,
    pid: u32,
    address: SocketAddr,
    is_joining: bool,
    /// The result of each round, in µs per connection.
    costs: Vec<f64>,
}

/// Prints the processor time per join. All candidates run at the same time and are measured in turns,
/// so that other load on the machine affects all of them.
pub(crate) async fn measure(brokers: Option<&str>, verdict: &mut Verdict) -> Result<(), Failure> {
    let scratch = Scratch::new("bench-joins");
    let port = Port::free();
    let bare = start_bare(&port)?;
    let embedded = WsServer::start(&["--data-dir", &scratch.file("data")]);
    let kafka = brokers.map(|brokers| WsServer::start(&["--brokers", brokers]));
    let mut candidates = vec![
        candidate("bare accept + 101", &bare, port.address(), false),
        server("ws-server, embedded log", &embedded),
    ];
    candidates.extend(
        kafka
            .as_ref()
            .map(|kafka| server("ws-server, Kafka", kafka)),
    );
    for candidate in &mut candidates {
        candidate.run(CONNECTIONS / 10).await?;
    }
    for _ in 0..ROUNDS {
        for candidate in &mut candidates {
            let cost = candidate.run(CONNECTIONS).await?;
            candidate.costs.push(cost);
        }
    }
    print(candidates, verdict);
    Ok(())
}

fn start_bare(port: &Port) -> Result<Running, Failure> {
    let program = Program::new(std::env::current_exe()?);
    let running = program.args([bare::COMMAND, &port.to_string()]).start()?;
    until("the baseline", Duration::from_secs(10), || {
        std::net::TcpStream::connect(port.address()).ok().map(drop)
    });
    Ok(running)
}

fn server(name: &'static str, server: &WsServer) -> Candidate {
    candidate(name, &server.running, server.listen().address(), true)
}

fn candidate(
    name: &'static str,
    running: &Running,
    address: SocketAddr,
    is_joining: bool,
) -> Candidate {
    Candidate {
        name,
        pid: running.pid(),
        address,
        is_joining,
        costs: Vec::new(),
    }
}

impl Candidate {
    /// The processor time per connection in µs.
    async fn run(&self, connections: u32) -> Result<f64, Failure> {
        let load = Load {
            address: self.address,
            connections,
            per_second: None,
            at_once: 64,
        };
        let before = cpu_time(self.pid)?;
        let failures = if self.is_joining {
            load.join().await.failures
        } else {
            load.upgrade().await.failures
        };
        if let Some(failure) = failures.first() {
            return Err(format!("{}: {failure}", self.name).into());
        }
        let taken = cpu_time(self.pid)? - before;
        Ok(taken.as_secs_f64() * 1e6 / f64::from(connections))
    }

    fn median(&mut self) -> f64 {
        self.costs.sort_by(f64::total_cmp);
        self.costs[self.costs.len() / 2]
    }
}

fn print(mut candidates: Vec<Candidate>, verdict: &mut Verdict) {
    let bare = candidates[0].median();
    println!("processor time per connection, median of {ROUNDS} × {CONNECTIONS}:");
    println!("  {:<24} {bare:>6.1} µs", candidates[0].name);
    for candidate in &mut candidates[1..] {
        let cost = candidate.median();
        let per_core = 1e6 / cost;
        verdict.check(
            format_args!(
                "  {:<24} {cost:>6.1} µs   {:>4.1} × bare   {per_core:>7.0} joins/s per core",
                candidate.name,
                cost / bare,
            ),
            "at least 10,000",
            per_core >= FLOOR,
        );
    }
}
