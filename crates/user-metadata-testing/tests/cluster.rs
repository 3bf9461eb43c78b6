//! The cluster, the small disk, the impostors and the topic tools do what the fault tests rely on.
#![allow(clippy::unwrap_used)] // helpers

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use user_metadata_testing::kafka::{
    self, Answer, Broker, Cluster, ClusterOptions, Impostor, PartitionState,
};
use user_metadata_testing::process::Program;
use user_metadata_testing::{SmallDisk, require, tool, until};

/// Whether kcat could write a record to all replicas within this many seconds.
fn produces(brokers: &str, topic: &str, record: &str, seconds: u32) -> bool {
    let timeout = format!("message.timeout.ms={}", seconds * 1000);
    Program::new(tool("kcat", "").unwrap())
        .args([
            "-P", "-b", brokers, "-t", topic, "-X", "acks=all", "-X", &timeout,
        ])
        .input(record)
        .start()
        .unwrap()
        .wait()
        .code
        == Some(0)
}

fn states(brokers: &str, topic: &str) -> Vec<PartitionState> {
    kafka::topic(brokers, topic).unwrap().unwrap_or_default()
}

/// Waits until this holds for every partition.
fn until_all(brokers: &str, topic: &str, what: &str, holds: impl Fn(&PartitionState) -> bool) {
    until(what, Duration::from_secs(30), || {
        let states = states(brokers, topic);
        (!states.is_empty() && states.iter().all(&holds)).then_some(())
    });
}

#[test]
fn a_cluster_survives_one_of_its_brokers_and_its_leaders_move() {
    let mut cluster = require!(Cluster::start(&ClusterOptions::new(3)));
    require!(tool("kcat", "install kcat"));
    let brokers = cluster.addresses();
    kafka::create_topic(&brokers, "t", 3).unwrap();
    until_all(&brokers, "t", "3 copies", |state| state.in_sync.len() == 3);
    assert_eq!(states(&brokers, "t").len(), 3);

    kafka::move_leaders(&brokers, "t", 1).unwrap();
    until_all(&brokers, "t", "leader 1", |state| state.leader == Some(1));
    cluster[0].kill();
    let others = cluster[1].address();
    until_all(&others, "t", "another leader", |state| {
        state.leader.is_some_and(|leader| leader != 1) && state.in_sync.len() == 2
    });
    assert!(produces(&others, "t", "two copies", 10));
    kafka::set_topic(&others, "t", "min.insync.replicas", Some("3")).unwrap();
    until("too few copies", Duration::from_secs(30), || {
        (!produces(&others, "t", "a third copy is missing", 2)).then_some(())
    });
    cluster.restart_dead();
    until_all(&brokers, "t", "3 copies", |state| state.in_sync.len() == 3);
    assert!(produces(&brokers, "t", "three copies", 10));
    cluster[2].stop();
    assert!(!cluster[2].is_running());
}

#[test]
fn a_topic_is_made_changed_and_deleted() {
    let brokers = require!(kafka::shared());
    let topic = &format!("changed-{}", std::process::id());
    require!(tool("kcat", "install kcat"));
    kafka::create_topic(&brokers, topic, 3).unwrap();
    assert_eq!(kafka::partitions(&brokers, topic).unwrap(), Some(3));
    kafka::add_partitions(&brokers, topic, 6).unwrap();
    until_all(&brokers, topic, "leaders", |state| state.leader.is_some());
    assert_eq!(kafka::partitions(&brokers, topic).unwrap(), Some(6));

    kafka::set_topic(&brokers, topic, "max.message.bytes", Some("200")).unwrap();
    let large = "x".repeat(500);
    until("a limit", Duration::from_secs(10), || {
        (!produces(&brokers, topic, &large, 2)).then_some(())
    });
    kafka::set_topic(&brokers, topic, "max.message.bytes", None).unwrap();
    until("no limit", Duration::from_secs(10), || {
        produces(&brokers, topic, &large, 2).then_some(())
    });
    // There is only one replica, so Kafka requires no second: docs/faults.md relies on it.
    kafka::set_topic(&brokers, topic, "min.insync.replicas", Some("2")).unwrap();
    assert!(produces(&brokers, topic, "one copy", 10));
    kafka::delete_topic(&brokers, topic).unwrap();
    until("the end of the topic", Duration::from_secs(10), || {
        kafka::topic(&brokers, topic)
            .unwrap()
            .is_none()
            .then_some(())
    });
}

#[test]
fn a_broker_dies_of_a_full_disk_and_comes_back_with_its_records() {
    let options = ClusterOptions {
        disk_mib: Some(64),
        ..ClusterOptions::new(1)
    };
    let mut cluster = require!(Cluster::start(&options));
    require!(tool("kcat", "install kcat"));
    let broker = &mut cluster[0];
    let address = broker.address();
    kafka::create_topic(&address, "t", 1).unwrap();
    assert!(produces(&address, "t", "kept", 10));
    broker.disk().unwrap().fill();
    let large = "x".repeat(200_000);
    until("the broker's end", Duration::from_secs(60), || {
        let is_dead = !broker.is_running() || !produces(&address, "t", &large, 1);
        (is_dead && !broker.is_running()).then_some(())
    });
    broker.disk().unwrap().free();
    broker.restart();
    let records = kafka::records(&address, "t").unwrap();
    assert!(records[0].contains(r#""payload":"kept""#), "{}", records[0]);
    assert!(produces(&address, "t", "again", 10));
}

#[test]
fn a_small_disk_is_full_and_free_again_and_only_its_programs_see_it() {
    let disk = require!(SmallDisk::new(1));
    let path = disk.file("file");
    let write = |script: &str| {
        let shell = Program::new("/bin/sh").args(["-c", script, &path]);
        shell.on(&disk).start().unwrap().wait().code
    };
    assert_eq!(write("echo one > \"$0\""), Some(0));
    disk.fill();
    assert_ne!(write("echo two > \"$0.2\""), Some(0));
    disk.free();
    assert_eq!(write("echo two > \"$0.2\" && grep -q one \"$0\""), Some(0));
    std::fs::read(&path).unwrap_err();
}

#[test]
fn an_impostor_answers_as_set_and_frees_the_port() {
    let mut broker = require!(Broker::stopped());
    let address = broker.address();
    let ask = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"request").unwrap();
        stream
    };
    let mut answer = [0; 4];
    for (said, start) in [
        (Answer::Http, *b"HTTP"),
        (Answer::FramedNoise, [0, 0, 1, 44]),
    ] {
        let _impostor = Impostor::of(&broker, said);
        ask().read_exact(&mut answer).unwrap();
        assert_eq!(answer, start);
    }
    let impostor = Impostor::of(&broker, Answer::Nothing);
    let mut asked = ask();
    drop(impostor);
    assert!(
        asked.read_exact(&mut answer).is_err(),
        "nothing but the end"
    );
    TcpStream::connect(&address).unwrap_err();
    broker.restart();
}
