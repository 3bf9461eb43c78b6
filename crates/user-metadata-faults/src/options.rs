use std::fmt;
use std::time::Duration;

use crate::fault::Fault;

/// What to run.
#[derive(Debug)]
pub(crate) struct Options {
    /// Fewer seconds and fewer faults.
    pub(crate) is_short: bool,
    pub(crate) outbox: Outbox,
    /// The selected faults; none: all.
    pub(crate) faults: Vec<Fault>,
}

/// Where ws-server keeps events that wait for Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outbox {
    Memory,
    Disk,
}

const USAGE: &str = "Usage: cargo xtask faults [--short] [--outbox memory|disk] [FAULT…]

  --short    fewer seconds, with one broker, and with three if the leader is killed; `credentials`
             only if named
  --outbox   where events wait for Kafka

Faults:";

impl Options {
    /// Parses the command line.
    pub(crate) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            is_short: false,
            outbox: Outbox::Disk,
            faults: Vec::new(),
        };
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            match argument {
                "--short" => options.is_short = true,
                "--outbox" => {
                    options.outbox = match arguments.next() {
                        Some("memory") => Outbox::Memory,
                        Some("disk") => Outbox::Disk,
                        _ => return Err(usage("--outbox takes memory or disk")),
                    };
                }
                "--help" | "-h" => {
                    return Err(usage("What becomes of the events when something fails"));
                }
                name => match Fault::ALL.into_iter().find(|fault| fault.name() == name) {
                    Some(fault) => options.faults.push(fault),
                    None => return Err(usage(&format!("unknown fault `{name}`"))),
                },
            }
        }
        Ok(options)
    }

    /// The time before the fault.
    pub(crate) fn healthy(&self, fault: Fault) -> Duration {
        Duration::from_secs(match fault {
            // Some seconds later the outbox has allocated the space that it reuses, and would not
            // notice a full disk.
            Fault::OwnDiskFull => 1,
            _ if self.is_short => 3,
            _ => 10,
        })
    }

    /// How long users keep joining after the fault.
    pub(crate) fn afterwards(&self) -> Duration {
        Duration::from_secs(if self.is_short { 1 } else { 5 })
    }

    /// The time of the fault.
    pub(crate) fn hold(&self, fault: Fault) -> Duration {
        Duration::from_secs(match fault {
            // Nothing fails here; it is noticed when events have waited for 5 s.
            Fault::Frozen if self.is_short => 7,
            _ if self.is_short => 3,
            _ => fault.seconds(),
        })
    }

    /// A join that is answered within this time was not delayed, however fast the healthy ones were.
    /// One that waits for Kafka takes seconds; with `--short` the programs are debug builds, on a
    /// machine that may be busy.
    pub(crate) fn soon(&self) -> Duration {
        Duration::from_millis(if self.is_short { 250 } else { 50 })
    }
}

fn usage(wrong: &str) -> String {
    let faults = Fault::ALL.map(|fault| format!("  {:<20} {}", fault.name(), fault.in_words()));
    format!("{wrong}\n\n{USAGE}\n{}", faults.join("\n"))
}

/// The value of ws-server's flag.
impl fmt::Display for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, String> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        Options::read(&arguments)
    }

    #[test]
    fn faults_go_by_their_names_and_a_typo_lists_all_of_them() {
        let options = read(&["frozen", "--outbox", "disk", "--short", "garbage"]).unwrap();
        assert_eq!(options.faults, [Fault::Frozen, Fault::Garbage]);
        assert_eq!((options.is_short, options.outbox), (true, Outbox::Disk));
        let wrong = read(&["frosen"]).unwrap_err();
        assert!(
            wrong.contains("`frosen`") && wrong.contains("frozen"),
            "{wrong}"
        );
        read(&["--outbox"]).unwrap_err();
    }
}
