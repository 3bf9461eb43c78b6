use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::timeout;
use user_metadata_cli::{Failure, in_words, print};
use user_metadata_consumer::SinkError;
use user_metadata_sinks::SinkUrl;

use crate::args::RunArgs;
use crate::config::{Config, sink_urls};
use crate::file::Problem;

/// The time for a sink to reach its target.
const DEADLINE: Duration = Duration::from_secs(15);

/// Checks everything that the flags name: whether it exists and works.
pub(crate) async fn check(args: RunArgs) -> Result<(), Failure> {
    let mut lines = Lines::default();
    let sinks = sink_urls(&args.read.sink);
    let mut names = BTreeSet::new();
    for sink in sinks {
        match sink {
            Ok(sink) if !names.insert(sink.name().to_owned()) => {
                let name = sink.name();
                let remedy = format!("two sinks are named {name}; rename one, e.g. ?name={name}-2");
                lines.say(&format!("sink {name}"), Err(remedy))?;
            }
            Ok(sink) => {
                let found = reach(&sink).await;
                lines.say(&format!("sink {}", sink.name()), found)?;
            }
            Err(error) => lines.say("sink", Err(error.to_string()))?,
        }
    }
    let mut others = args;
    // The sinks are checked already.
    others.read.sink.clear();
    match Config::try_from(others) {
        Ok(Config { reading, .. }) => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            if let Some(warning) = reading.warning {
                lines.say("note", Ok(warning.to_owned()))?;
            }
            for check in reading.builder.check(&names).await {
                let found = check.found.map_err(|error| in_words(&*error));
                lines.say(&check.what, found)?;
            }
        }
        Err(error) => lines.say("flags", Err(error.to_string()))?,
    }
    lines.end()
}

/// Reports what is wrong in a file.
pub(crate) fn file(problems: &[Problem], is_check: bool) -> Result<(), Failure> {
    if !is_check {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return Err(Failure::Configuration(problems.join("\n")));
    }
    let mut lines = Lines::default();
    for problem in problems {
        lines.say("config", Err(problem.to_string()))?;
    }
    lines.end()
}

/// Makes the sink check its target.
async fn reach(sink: &SinkUrl) -> Result<String, String> {
    let late = |_| format!("no answer within {} s; does it run?", DEADLINE.as_secs());
    match timeout(DEADLINE, sink.check()).await.map_err(late)? {
        Ok(notes) => {
            let words = ["ready".to_owned()].into_iter().chain(notes);
            Ok(words.collect::<Vec<_>>().join("; "))
        }
        Err(SinkError::Closed) => Err("it accepts no events".to_owned()),
        Err(SinkError::Fatal(error) | SinkError::Unavailable { source: error, .. }) => {
            Err(in_words(&*error))
        }
        Err(error) => Err(in_words(&error)),
    }
}

/// One line per check, on standard output.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    wrong: usize,
}

impl Lines {
    /// `ok …` or `error …`.
    pub(crate) fn say(&mut self, what: &str, found: Result<String, String>) -> Result<(), Failure> {
        let (word, text) = match found {
            Ok(text) => ("ok", text),
            Err(text) => {
                self.wrong += 1;
                ("error", text)
            }
        };
        // Some of it comes from servers.
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        print(&format!("{word} {what}: {text}\n"))
    }

    /// The result of the program.
    pub(crate) fn end(self) -> Result<(), Failure> {
        match self.wrong {
            0 => Ok(()),
            1 => Err(Failure::Configuration("1 check failed".to_owned())),
            wrong => Err(Failure::Configuration(format!("{wrong} checks failed"))),
        }
    }
}
