use std::fmt;
use std::io;
use std::thread;

use tokio::sync::{mpsc, oneshot};
use user_metadata_consumer::SinkError;

/// A thread that may block, and does one job at a time with its own data.
///
/// Not the runtime's pool: a runtime waits for its threads when it ends, and a pipe that nobody reads
/// blocks for ever. Nor does a dropped future lose anything: the thread finishes the job and keeps
/// its writer or connection for the next.
pub(crate) struct Worker<J, R> {
    /// `None` once no more jobs will come.
    jobs: Option<mpsc::Sender<(J, oneshot::Sender<R>)>>,
    #[cfg_attr(
        not(any(feature = "file", feature = "sqlite")),
        expect(dead_code, reason = "a pipe may stall for ever")
    )]
    thread: Option<thread::JoinHandle<()>>,
}

/// The thread is gone: a job panicked.
#[derive(Debug, thiserror::Error)]
#[error("the thread that writes has panicked")]
struct Ended;

impl<J: Send + 'static, R: Send + 'static> Worker<J, R> {
    /// Starts the thread; it ends with the worker.
    pub(crate) fn start(
        name: &str,
        mut work: impl FnMut(J) -> R + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, mut received) = mpsc::channel::<(J, oneshot::Sender<R>)>(1);
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                while let Some((job, reply)) = received.blocking_recv() {
                    // If nobody waits any more, the job is sent again.
                    if !reply.is_closed() {
                        drop(reply.send(work(job)));
                    }
                }
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Has the thread do `job`.
    ///
    /// # Errors
    ///
    /// [`SinkError::Fatal`] if the thread is gone.
    pub(crate) async fn run(&self, job: J) -> Result<R, SinkError> {
        let ended = || SinkError::fatal(Ended);
        let (reply, result) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(ended)?;
        jobs.send((job, reply)).await.map_err(|_| ended())?;
        result.await.map_err(|_| ended())
    }

    /// Waits until the thread has done its last job and dropped what it owns. Without this it ends
    /// by itself, at some later time.
    #[cfg(any(feature = "file", feature = "sqlite"))]
    pub(crate) fn join(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic was reported to the sender of the job.
            drop(thread.join());
        }
    }
}

impl<J, R> fmt::Debug for Worker<J, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test]
    async fn a_job_whose_future_was_dropped_is_finished_before_the_next() {
        let (began, has_begun) = channel();
        let (go, may_go) = channel();
        let mut done = Vec::new();
        let worker = Worker::start("test", move |job: u8| {
            began.send(()).unwrap();
            may_go.recv().unwrap();
            done.push(job);
            done.clone()
        })
        .unwrap();
        {
            let first = worker.run(1);
            let mut first = std::pin::pin!(first);
            tokio::select! {
                biased;
                _ = &mut first => panic!("it may not go yet"),
                () = std::future::ready(()) => {}
            }
            has_begun.recv().unwrap();
        }
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert_eq!(worker.run(2).await.unwrap(), [1, 2]);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_for_good() {
        let worker = Worker::<(), ()>::start("test", |()| panic!("on purpose")).unwrap();
        for _ in 0..2 {
            let error = worker.run(()).await.unwrap_err();
            assert!(matches!(error, SinkError::Fatal(_)), "{error}");
        }
    }
}
