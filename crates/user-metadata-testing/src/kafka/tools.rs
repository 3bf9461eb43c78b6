use std::collections::BTreeMap;

use super::jars;
use super::topics::{create_topic, topic as topic_state};
use crate::missing::{Missing, tool};
use crate::process::Program;

/// The values of the first `count` records of a topic, as Kafka's own console consumer prints
/// them. Panics where there are fewer after 30 s.
///
/// # Errors
///
/// [`Missing`] without Java, or if Kafka's jars can't be downloaded.
pub fn console_consume(brokers: &str, topic: &str, count: usize) -> Result<Vec<String>, Missing> {
    let jars = jars::find()?;
    let count_text = count.to_string();
    let arguments = [
        "--bootstrap-server",
        brokers,
        "--topic",
        topic,
        "--from-beginning",
        "--max-messages",
        &count_text,
        "--timeout-ms",
        "30000",
    ];
    let class = "org.apache.kafka.tools.consumer.ConsoleConsumer";
    let printed = output(jars.program(class, &arguments));
    assert_eq!(printed.len(), count, "{printed:?}");
    Ok(printed)
}

/// The partition that Kafka's own Java producer chooses for each key: it writes them to `topic`,
/// which is created with this number of partitions.
///
/// # Errors
///
/// [`Missing`] without Java or kcat, or if Kafka's jars can't be downloaded.
pub fn java_partitions(
    brokers: &str,
    topic: &str,
    partitions: u32,
    keys: &[String],
) -> Result<BTreeMap<String, u32>, Missing> {
    create_topic(brokers, topic, partitions)?;
    let jars = jars::find()?;
    let to = ["--bootstrap-server", brokers, "--topic", topic];
    let produce = jars.program("org.apache.kafka.tools.ConsoleProducer", &to);
    let lines: String = keys.iter().map(|key| format!("{key}\tx\n")).collect();
    output(produce.args(["--property", "parse.key=true"]).input(lines));
    let format = [
        "-C",
        "-t",
        topic,
        "-o",
        "beginning",
        "-e",
        "-q",
        "-f",
        "%k\t%p\n",
    ];
    let placed = kcat(brokers, &format)?.into_iter().map(|line| {
        let (key, partition) = line.split_once('\t')?;
        Some((key.to_owned(), partition.parse().ok()?))
    });
    Ok(placed.flatten().collect())
}

/// What kcat prints with these arguments.
///
/// # Errors
///
/// [`Missing`] without kcat.
pub fn kcat(brokers: &str, arguments: &[&str]) -> Result<Vec<String>, Missing> {
    let kcat = tool("kcat", "install kcat")?;
    let program = Program::new(kcat).args(["-b", brokers]).args(arguments);
    Ok(output(program))
}

/// Every record that a topic has now, each as kcat's JSON object: `topic`, `partition`, `offset`, `ts`,
/// `headers`, `key`, `payload`.
///
/// # Errors
///
/// [`Missing`] without kcat.
pub fn records(brokers: &str, topic: &str) -> Result<Vec<String>, Missing> {
    kcat(
        brokers,
        &["-C", "-t", topic, "-o", "beginning", "-e", "-q", "-J"],
    )
}

/// How many partitions a topic has; `None` if it does not exist. The request names no topic, so that
/// it creates none.
///
/// # Errors
///
/// [`Missing`] without kcat.
pub fn partitions(brokers: &str, topic: &str) -> Result<Option<u32>, Missing> {
    let found = topic_state(brokers, topic)?;
    Ok(found.and_then(|partitions| u32::try_from(partitions.len()).ok()))
}

/// What Kafka's own configuration tool prints with these arguments.
#[cfg(feature = "secure")]
pub(super) fn configure(brokers: &str, arguments: &[&str]) -> Result<Vec<String>, Missing> {
    let class = "kafka.admin.ConfigCommand";
    let program = jars::find()?.program(class, &["--bootstrap-server", brokers]);
    Ok(output(program.args(arguments)))
}

pub(super) fn output(program: Program) -> Vec<String> {
    let ended = program.must_start().wait();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout
}
