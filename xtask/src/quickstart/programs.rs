use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use user_metadata_testing::http;
use user_metadata_testing::process::{Program, Running};
use user_metadata_testing::workspace;

use crate::Failure;
use crate::cargo::target;

/// Programs that run side by side, and the signals that end them.
pub(super) struct Programs {
    running: Vec<(&'static str, Running)>,
    signals: Receiver<()>,
    is_asked_to_stop: bool,
}

impl Programs {
    /// No programs yet; from now on SIGINT and SIGTERM are caught.
    pub(super) fn new() -> Result<Self, Failure> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let (sender, receiver) = channel();
        thread::spawn(move || signals.forever().try_for_each(|_| sender.send(())));
        Ok(Self {
            running: Vec::new(),
            signals: receiver,
            is_asked_to_stop: false,
        })
    }

    /// Starts a program and waits until it answers on `address`, or for a signal.
    pub(super) fn start(
        &mut self,
        name: &'static str,
        flags: &[&str],
        address: SocketAddr,
    ) -> Result<(), Failure> {
        if self.is_asked_to_stop {
            return Ok(());
        }
        let program = Program::new(target()?.join("quickstart").join(name))
            .args(flags)
            .current_dir(workspace())
            .echoed();
        self.running.push((name, program.start()?));
        let is_alive = || http::get(address, "/livez").is_ok_and(|answer| answer.status == 200);
        while !is_alive() && !self.is_asked_to_stop {
            self.watch_for(Duration::from_millis(50))?;
        }
        Ok(())
    }

    pub(super) fn is_asked_to_stop(&self) -> bool {
        self.is_asked_to_stop
    }

    /// Waits for a signal. It is a failure if a program ends by itself.
    pub(super) fn watch(&mut self) -> Result<(), Failure> {
        while !self.is_asked_to_stop {
            self.watch_for(Duration::from_millis(200))?;
        }
        Ok(())
    }

    fn watch_for(&mut self, time: Duration) -> Result<(), Failure> {
        self.is_asked_to_stop |= self.signals.recv_timeout(time).is_ok();
        for (name, running) in &mut self.running {
            if running.has_ended() {
                return Err(format!("{name} has ended; its output is above").into());
            }
        }
        Ok(())
    }

    /// Asks all to stop and waits for them. They are killed at a second signal, or after 30 s.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(30);
        self.still_running(|running| running.ask_to_stop());
        while self.still_running(|_| {}) > 0 {
            let signal = self.signals.recv_timeout(Duration::from_millis(50));
            if signal.is_ok() || Instant::now() > deadline {
                return Err("killed before everything was delivered".into());
            }
        }
        for (name, running) in self.running {
            match running.wait().code {
                Some(0) => {}
                code => return Err(format!("{name} ended with code {code:?}").into()),
            }
        }
        Ok(())
    }

    /// How many still run; calls `each` for them.
    fn still_running(&mut self, each: impl Fn(&Running)) -> usize {
        let running = self.running.iter_mut().map(|(_, running)| running);
        let mut count = 0;
        for running in running {
            if !running.has_ended() {
                each(running);
                count += 1;
            }
        }
        count
    }
}
