use super::jars;
use super::tools::{kcat, output};
use crate::missing::Missing;

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";
const CONFIGS: &str = "kafka.admin.ConfigCommand";
const REASSIGN: &str = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
const ELECT: &str = "org.apache.kafka.tools.LeaderElectionCommand";

/// Creates a topic with the cluster's default replication factor, unless it exists.
///
/// # Errors
///
/// [`Missing`] without Java, or if Kafka's jars can't be downloaded.
pub fn create_topic(brokers: &str, topic: &str, partitions: u32) -> Result<(), Missing> {
    let partitions = partitions.to_string();
    let create = ["--create", "--if-not-exists", "--partitions", &partitions];
    run(
        TOPICS,
        brokers,
        &[&["--topic", topic], &create[..]].concat(),
    )
}

/// Deletes a topic with its records.
///
/// # Errors
///
/// As [`create_topic`].
pub fn delete_topic(brokers: &str, topic: &str) -> Result<(), Missing> {
    run(TOPICS, brokers, &["--topic", topic, "--delete"])
}

/// Increases a topic's partitions to this number.
///
/// # Errors
///
/// As [`create_topic`].
pub fn add_partitions(brokers: &str, topic: &str, partitions: u32) -> Result<(), Missing> {
    let partitions = partitions.to_string();
    let alter = ["--topic", topic, "--alter", "--partitions", &partitions];
    run(TOPICS, brokers, &alter)
}

/// Sets a property of a topic, e.g. `max.message.bytes`; `None` resets it to the default.
///
/// # Errors
///
/// As [`create_topic`].
pub fn set_topic(
    brokers: &str,
    topic: &str,
    property: &str,
    value: Option<&str>,
) -> Result<(), Missing> {
    let change = match value {
        Some(value) => ["--add-config".to_owned(), format!("{property}={value}")],
        None => ["--delete-config".to_owned(), property.to_owned()],
    };
    let alter = ["--alter", "--topic", topic, &change[0], &change[1]];
    run(CONFIGS, brokers, &alter)
}

/// Makes the broker with this node id the leader of all partitions that it has a replica of, and
/// their preferred leader.
///
/// # Errors
///
/// As [`create_topic`], and without kcat.
pub fn move_leaders(brokers: &str, topic: &str, node: u32) -> Result<(), Missing> {
    let states = self::topic(brokers, topic)?.unwrap_or_default();
    let moved = states.iter().filter_map(|state| {
        let mut replicas = state.replicas.clone();
        let at = replicas.iter().position(|replica| *replica == node)?;
        replicas[..=at].rotate_right(1);
        let partition = state.partition;
        Some(format!(
            r#"{{"topic":"{topic}","partition":{partition},"replicas":{replicas:?}}}"#
        ))
    });
    let moved = moved.collect::<Vec<_>>().join(",");
    let plan = format!(r#"{{"version":1,"partitions":[{moved}]}}"#);
    let jars = jars::find()?;
    let file = crate::scratch::Scratch::new("reassign");
    let path = file.file("plan.json");
    let written = std::fs::write(&path, plan);
    assert!(written.is_ok(), "{path}: {written:?}");
    let to = ["--bootstrap-server", brokers, "--reassignment-json-file"];
    output(jars.program(REASSIGN, &to).args([&path, "--execute"]));
    for state in &states {
        let partition = state.partition.to_string();
        let elect = ["--election-type", "preferred", "--topic", topic];
        run(
            ELECT,
            brokers,
            &[&elect[..], &["--partition", &partition]].concat(),
        )?;
    }
    Ok(())
}

/// One partition of a topic, as a broker sees it. Brokers are named by their node ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionState {
    /// Its number.
    pub partition: u32,
    /// Its leader, if it has one.
    pub leader: Option<u32>,
    /// The brokers with a replica; the first is the preferred leader.
    pub replicas: Vec<u32>,
    /// The brokers whose replicas are in sync.
    pub in_sync: Vec<u32>,
}

/// The partitions of a topic; `None` if it does not exist. The request names no topic, so that it
/// creates none.
///
/// # Errors
///
/// [`Missing`] without kcat.
pub fn topic(brokers: &str, topic: &str) -> Result<Option<Vec<PartitionState>>, Missing> {
    let listed = kcat(brokers, &["-L"])?;
    let start = format!("topic \"{topic}\" with ");
    let mut lines = listed.iter().map(|line| line.trim_start());
    if !lines.any(|line| line.starts_with(&start)) {
        return Ok(None);
    }
    let partitions = lines.map_while(partition_state).collect::<Vec<_>>();
    Ok((!partitions.is_empty()).then_some(partitions))
}

/// Reads `partition 0, leader 1, replicas: 1,2,3, isrs: 1,2,3`, which an error may follow.
fn partition_state(line: &str) -> Option<PartitionState> {
    let (partition, rest) = line.strip_prefix("partition ")?.split_once(", leader ")?;
    let (leader, rest) = rest.split_once(", replicas: ")?;
    let (replicas, in_sync) = rest.split_once(", isrs: ")?;
    let in_sync = in_sync.split(", ").next()?;
    let nodes = |list: &str| list.split(',').flat_map(str::parse).collect();
    Some(PartitionState {
        partition: partition.parse().ok()?,
        leader: leader.parse().ok(),
        replicas: nodes(replicas),
        in_sync: nodes(in_sync),
    })
}

fn run(class: &str, brokers: &str, arguments: &[&str]) -> Result<(), Missing> {
    let program = jars::find()?.program(class, &["--bootstrap-server", brokers]);
    output(program.args(arguments));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_read_with_and_without_a_leader() {
        let state = |leader, in_sync| PartitionState {
            partition: 2,
            leader,
            replicas: vec![2, 3, 1],
            in_sync,
        };
        assert_eq!(
            partition_state("partition 2, leader 3, replicas: 2,3,1, isrs: 3,1"),
            Some(state(Some(3), vec![3, 1]))
        );
        assert_eq!(
            partition_state(
                "partition 2, leader -1, replicas: 2,3,1, isrs: , Broker: Leader not available"
            ),
            Some(state(None, vec![]))
        );
        assert_eq!(partition_state("topic \"a\" with 1 partitions:"), None);
    }
}
