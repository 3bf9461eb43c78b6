use super::{Program, Running};

/// The process of a server that a test ends and starts again.
#[derive(Debug)]
pub(crate) struct Restartable {
    name: &'static str,
    running: Option<Running>,
}

impl Restartable {
    /// A process that is not started yet; `name` is for messages.
    pub(crate) fn new(name: &'static str) -> Self {
        let running = None;
        Self { name, running }
    }

    /// Runs `program`, and kills what ran before.
    pub(crate) fn start(&mut self, program: Program) {
        self.kill();
        self.running = Some(program.must_start());
    }

    pub(crate) fn wait_until_ready(&mut self, is_ready: impl FnMut() -> bool) {
        match &mut self.running {
            Some(running) => running.wait_until_ready(self.name, is_ready),
            None => panic!("{} does not run", self.name),
        }
    }

    pub(crate) fn running(&self) -> &Running {
        match &self.running {
            Some(running) => running,
            None => panic!("{} does not run", self.name),
        }
    }

    /// Whether it runs, frozen or not.
    pub(crate) fn is_running(&mut self) -> bool {
        let running = self.running.as_mut();
        running.is_some_and(|running| !running.has_ended())
    }

    /// Hands the process to the caller.
    pub(crate) fn take(&mut self) -> Option<Running> {
        self.running.take()
    }

    /// Kills it (SIGKILL), if it runs.
    pub(crate) fn kill(&mut self) {
        drop(self.take().map(Running::kill));
    }

    /// Asks it to stop (SIGTERM), if it runs, and waits until it has.
    pub(crate) fn stop(&mut self) {
        drop(self.take().map(Running::stop));
    }
}
