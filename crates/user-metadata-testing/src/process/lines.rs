use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// The lines that a program writes, collected as they are written.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    so_far: Mutex<SoFar>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct SoFar {
    lines: Vec<String>,
    has_ended: bool,
}

impl Lines {
    /// Reads `stream` to its end on a thread; with a name in `echo`, each line is shown instead of
    /// kept.
    pub(super) fn of(stream: Option<impl Read + Send + 'static>, echo: Option<String>) -> Self {
        let lines = Self::default();
        let collected = lines.clone();
        thread::spawn(move || {
            if let Some(stream) = stream {
                collected.collect(stream, echo.as_deref());
            }
            collected.lock().has_ended = true;
            collected.0.news.notify_all();
        });
        lines
    }

    fn collect(&self, stream: impl Read, echo: Option<&str>) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            let text = String::from_utf8_lossy(&line);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            match echo {
                Some(name) => eprintln!("{name} | {text}"),
                None => self.lock().lines.push(text.to_owned()),
            }
            self.0.news.notify_all();
            line.clear();
        }
    }

    /// All of them so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// The first line that contains `part`, also an earlier one. Panics if there is none within 60 s,
    /// or the program ends without it.
    #[must_use]
    pub fn wait_for(&self, part: &str) -> String {
        self.wait_long_for(part, LIMIT)
    }

    /// [`wait_for`](Self::wait_for) with another limit than 60 s.
    #[must_use]
    pub fn wait_long_for(&self, part: &str, limit: Duration) -> String {
        let found = |so_far: &SoFar| {
            so_far
                .lines
                .iter()
                .find(|line| line.contains(part))
                .cloned()
        };
        self.wait(&format!("a line with {part:?}"), limit, found)
    }

    /// The first `count` lines. Panics as [`wait_for`](Self::wait_for) does.
    #[must_use]
    pub fn wait_for_count(&self, count: usize) -> Vec<String> {
        let enough = |so_far: &SoFar| so_far.lines.get(..count).map(<[String]>::to_vec);
        self.wait(&format!("{count} lines"), LIMIT, enough)
    }

    /// All lines, once the program has closed this stream.
    #[must_use]
    pub fn wait_for_end(&self) -> Vec<String> {
        self.wait("the end", LIMIT, |so_far| {
            so_far.has_ended.then(|| so_far.lines.clone())
        })
    }

    fn wait<T>(&self, what: &str, limit: Duration, found: impl Fn(&SoFar) -> Option<T>) -> T {
        let waits = |so_far: &mut SoFar| found(so_far).is_none() && !so_far.has_ended;
        let waited = self.0.news.wait_timeout_while(self.lock(), limit, waits);
        let (so_far, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found(&so_far).unwrap_or_else(|| {
            let ended = if so_far.has_ended {
                "the program ended"
            } else {
                "it did not come in time"
            };
            panic!(
                "{what} was expected, but {ended}:\n{}",
                so_far.lines.join("\n")
            )
        })
    }

    fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.0.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
