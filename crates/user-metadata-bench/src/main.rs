#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout)] // a program for a terminal

mod backlog;
mod bare;
mod cpu;
mod joins;
mod latency;
mod storing;
mod verdict;

use std::error::Error;
use std::process::ExitCode;

use user_metadata_testing::kafka::Broker;

use crate::verdict::Verdict;

/// What ends a measurement: for the person at the terminal, no code looks into it.
type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let ended = match (arguments.next().as_deref(), arguments.next()) {
        (Some(bare::COMMAND), Some(address)) => bare::serve(&address).await.map(|()| true),
        _ => measure().await,
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Says whether all floors hold.
async fn measure() -> Result<bool, Failure> {
    let kafka = Broker::start();
    let brokers = kafka.as_ref().map(Broker::address).ok();
    if let Err(missing) = &kafka {
        println!("without Kafka, for want of {missing}");
    }
    let mut verdict = Verdict::default();
    joins::measure(brokers.as_deref(), &mut verdict).await?;
    storing::measure(&mut verdict).await?;
    latency::measure(None, &mut verdict).await?;
    if let Some(brokers) = &brokers {
        latency::measure(Some(brokers), &mut verdict).await?;
    }
    Ok(verdict.is_good())
}
