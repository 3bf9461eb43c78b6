#![doc = include_str!("../README.md")]
#![allow(clippy::print_stdout)] // a program for a terminal

mod backlog;
mod bare;
mod consume;
mod cpu;
mod disk;
mod joins;
mod latency;
mod publish;
mod spread;
mod storing;
mod verdict;

use std::error::Error;
use std::process::ExitCode;

use user_metadata_testing::kafka::Broker;

use crate::verdict::Verdict;

/// Why a measurement failed, for people: no code inspects it.
type Failure = Box<dyn Error + Send + Sync>;

/// What can be measured separately, except publishing and consuming, which take longer than all of
/// these.
const PARTS: [&str; 4] = ["joins", "storing", "latency", "disk"];

/// The same as in ws-server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments[..] {
        [bare::COMMAND, address] => bare::serve(address).await.map(|()| true),
        [
            command @ (publish::FROM_MEMORY | publish::FROM_DISK),
            ref run @ ..,
        ] => publish::publish(command, run).await.map(|()| true),
        ["publish"] => measure_publishing(false),
        ["publish", "--quick"] => measure_publishing(true),
        ["consumer"] => measure_consuming(false).await,
        ["consumer", "--quick"] => measure_consuming(true).await,
        [] => measure(&PARTS).await,
        [part] if PARTS.contains(&part) => measure(&[part]).await,
        _ => Err(format!(
            "measure one of {PARTS:?}, or all of them without an argument, or `publish [--quick]`, \
             or `consumer [--quick]`"
        )
        .into()),
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

/// Returns whether all goals are met.
async fn measure(parts: &[&str]) -> Result<bool, Failure> {
    let kafka = Broker::start();
    let brokers = kafka.as_ref().map(Broker::address).ok();
    if let Err(missing) = &kafka {
        println!("without Kafka, which needs {missing}");
    }
    let mut verdict = Verdict::default();
    for part in parts {
        match *part {
            "joins" => joins::measure(brokers.as_deref(), &mut verdict).await?,
            "storing" => storing::measure(&mut verdict).await?,
            "disk" => disk::measure(&mut verdict).await?,
            _ => {
                latency::measure(None, &mut verdict).await?;
                if let Some(brokers) = &brokers {
                    latency::measure(Some(brokers), &mut verdict).await?;
                }
            }
        }
    }
    Ok(verdict.is_good())
}

/// Returns whether all goals are met.
fn measure_publishing(is_quick: bool) -> Result<bool, Failure> {
    let kafka = Broker::start().map_err(|missing| format!("Kafka needs {missing}"))?;
    let mut verdict = Verdict::default();
    publish::measure(&kafka.address(), is_quick, &mut verdict)?;
    Ok(verdict.is_good())
}

/// Returns whether all goals are met.
async fn measure_consuming(is_quick: bool) -> Result<bool, Failure> {
    let mut verdict = Verdict::default();
    consume::measure(is_quick, &mut verdict).await?;
    Ok(verdict.is_good())
}
