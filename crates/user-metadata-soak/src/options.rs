use std::fmt;
use std::time::Duration;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many events are produced, if no time is set.
    pub events: u64,
    /// How long events are produced, at [`RATE`](Self::RATE) per second and with a rebalance every
    /// [`EVERY`](Self::EVERY); otherwise as fast as possible, with one round of all changes.
    pub time: Option<Duration>,
    /// Partitions of the topic.
    pub partitions: u32,
    /// How the group assigns its partitions.
    pub protocol: Protocol,
}

/// `--group-protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A member assigns partitions.
    Classic,
    /// The broker assigns partitions.
    Consumer,
}

const USAGE: &str = "\
Usage: cargo xtask soak [--events N | --minutes N] [--partitions N] [--protocol classic|consumer]

  --events      this many, as fast as possible [default: 1000000]
  --minutes     2,000 per second for this long, and a rebalance every minute
  --partitions  partitions of the topic [default: 6]
  --protocol    group protocol [default: classic]";

impl Options {
    /// Events per second, if a time is set.
    pub const RATE: u64 = 2_000;
    /// The time between two rebalances, if a time is set.
    pub const EVERY: Duration = Duration::from_secs(60);

    /// Parses the command line.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and the usage.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_default();
            let number = || {
                let number = value.parse::<u32>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| usage(&format!("{name} takes a number")))
            };
            match name {
                "--events" => options.events = number()?.into(),
                "--minutes" => options.time = Some(Duration::from_secs(60) * number()?),
                "--partitions" => options.partitions = number()?,
                "--protocol" => {
                    options.protocol = match value {
                        "classic" => Protocol::Classic,
                        "consumer" => Protocol::Consumer,
                        _ => return Err(usage("--protocol takes classic or consumer")),
                    };
                }
                "--help" | "-h" => return Err(USAGE.to_owned()),
                unknown => return Err(usage(&format!("unknown flag `{unknown}`"))),
            }
        }
        Ok(options)
    }

    /// How many events are produced in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.time
            .map_or(self.events, |time| time.as_secs() * Self::RATE)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            events: 1_000_000,
            time: None,
            partitions: 6,
            protocol: Protocol::Classic,
        }
    }
}

fn usage(wrong: &str) -> String {
    format!("{wrong}\n\n{USAGE}")
}

/// The value of the flag.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::read(&arguments)
    }

    #[test]
    fn time_makes_the_number_of_events_and_a_typo_lists_the_flags() {
        assert_eq!(read("").unwrap().total(), 1_000_000);
        let options = read("--minutes 30 --protocol consumer --partitions 3").unwrap();
        assert_eq!(options.total(), 3_600_000);
        assert_eq!(
            (options.protocol, options.partitions),
            (Protocol::Consumer, 3)
        );
        for wrong in ["--minuets 30", "--minutes", "--events 0", "--protocol kip"] {
            assert!(read(wrong).unwrap_err().contains("--minutes"), "{wrong}");
        }
    }
}
