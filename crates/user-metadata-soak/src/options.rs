use std::fmt;
use std::time::Duration;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many events are produced, without a time.
    pub events: u64,
    /// How long events are produced, at [`RATE`](Self::RATE) a second and with a rebalance every
    /// [`EVERY`](Self::EVERY); without, as fast as they go, and as often as there are acts.
    pub time: Option<Duration>,
    /// Partitions of the topic.
    pub partitions: u32,
    /// How the group shares out its partitions.
    pub protocol: Protocol,
}

/// `--group-protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A member shares out.
    Classic,
    /// The broker shares out.
    Consumer,
}

const USAGE: &str = "\
Usage: cargo xtask soak [--events N | --minutes N] [--partitions N] [--protocol classic|consumer]

  --events      how many, as fast as they go; 1000000
  --minutes     2,000 a second for so long, and a rebalance every minute
  --partitions  of the topic; 6
  --protocol    of the group; classic";

impl Options {
    /// Events a second, if it goes by time.
    pub const RATE: u64 = 2_000;
    /// The time between two rebalances, if it goes by time.
    pub const EVERY: Duration = Duration::from_secs(60);

    /// Reads them from the command line.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and how it is used.
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
                unknown => return Err(usage(&format!("there is no `{unknown}`"))),
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

/// As the flag has it.
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
    fn time_makes_the_number_of_events_and_a_typo_is_told_the_flags() {
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
