use std::time::Duration;

use user_metadata_testing::kafka::{self, Answer, Impostor};
use user_metadata_testing::{Missing, until};

use crate::fault::Fault;
use crate::stage::{LIMIT, Stage, pass};

/// Smaller than an event with a long name, larger than the others.
const MAX_MESSAGE_BYTES: &str = "1500";

/// Makes `fault` happen, keeps it for that time, and ends it.
pub(crate) fn happen(fault: Fault, stage: &mut Stage<'_>, hold: Duration) -> Result<(), Missing> {
    match fault {
        Fault::ClosedPort => {
            pass(hold);
            stage.cluster.restart_dead();
        }
        Fault::Killed => {
            let victim = stage.victim()?;
            stage.cluster[victim].kill();
            pass(hold);
            stage.cluster[victim].restart();
        }
        Fault::Frozen => {
            let victim = stage.victim()?;
            stage.cluster[victim].freeze();
            pass(hold);
            stage.cluster[victim].thaw();
        }
        Fault::NeverAnswers => impostors(stage, &[Answer::Nothing], hold)?,
        Fault::Garbage => {
            let answers = [Answer::Noise, Answer::FramedNoise, Answer::Http];
            impostors(stage, &answers, hold / 2)?;
        }
        Fault::LeaderMoves => move_leaders(stage, hold / 2)?,
        Fault::TopicRecreated => recreate_topic(stage, hold)?,
        Fault::PartitionsAdded => {
            kafka::add_partitions(&stage.living(), &stage.topic, 6)?;
            // The publisher's list of partitions may be 30 s old.
            until("events in the new partitions", 2 * LIMIT, || {
                let lines = stage.server.running.stderr().so_far();
                let is_there = |line: &String| line.contains(" partition=5 ");
                lines.iter().rev().take(1000).any(is_there).then_some(())
            });
        }
        Fault::TooLarge => {
            let brokers = stage.living();
            let set = |value| kafka::set_topic(&brokers, &stage.topic, "max.message.bytes", value);
            set(Some(MAX_MESSAGE_BYTES))?;
            pass(hold);
            set(None)?;
        }
        Fault::NotEnoughReplicas => too_few_copies(stage, hold)?,
        Fault::QuorumLost => {
            let victim = stage.victim()?;
            stage.cluster[victim].kill();
            stage.cluster[(victim + 1) % 3].kill();
            pass(hold);
            stage.cluster.restart_dead();
        }
        Fault::BrokerDiskFull => fill_disk_of_broker(stage, hold)?,
        Fault::OwnDiskFull => {
            stage.disk.as_ref().into_iter().for_each(|disk| disk.fill());
            pass(hold);
            stage.disk.as_ref().into_iter().for_each(|disk| disk.free());
        }
        Fault::ServerKilled => kill_server(stage, hold / 2),
        Fault::Credentials => refuse_logins(stage, hold)?,
    }
    Ok(())
}

fn impostors(stage: &mut Stage<'_>, answers: &[Answer], hold: Duration) -> Result<(), Missing> {
    let victim = stage.victim()?;
    stage.cluster[victim].kill();
    for answer in answers {
        let _impostor = Impostor::of(&stage.cluster[victim], *answer);
        pass(hold);
    }
    stage.cluster[victim].restart();
    Ok(())
}

fn move_leaders(stage: &mut Stage<'_>, hold: Duration) -> Result<(), Missing> {
    for _ in 0..2 {
        let next = stage.leader()? % 3 + 1;
        let (brokers, topic) = (stage.living(), stage.topic.clone());
        kafka::move_leaders(&brokers, &topic, next)?;
        until("another leader", LIMIT, || {
            stage
                .leader()
                .is_ok_and(|leader| leader == next)
                .then_some(())
        });
        pass(hold);
    }
    Ok(())
}

/// The topic's records are gone with it. It does not matter whether this or ws-server recreates it.
fn recreate_topic(stage: &mut Stage<'_>, hold: Duration) -> Result<(), Missing> {
    let brokers = stage.living();
    kafka::delete_topic(&brokers, &stage.topic)?;
    stage.notes.gone_with_topic = stage.delivered();
    pass(hold);
    kafka::create_topic(&brokers, &stage.topic, 3)
}

fn too_few_copies(stage: &mut Stage<'_>, hold: Duration) -> Result<(), Missing> {
    let victim = stage.victim()?;
    let set = |stage: &mut Stage<'_>, value| {
        kafka::set_topic(&stage.living(), &stage.topic, "min.insync.replicas", value)
    };
    set(stage, Some("3"))?;
    stage.cluster[victim].kill();
    pass(hold);
    stage.cluster[victim].restart();
    set(stage, None)
}

fn fill_disk_of_broker(stage: &mut Stage<'_>, hold: Duration) -> Result<(), Missing> {
    let victim = stage.victim()?;
    let broker = &mut stage.cluster[victim];
    broker.disk().into_iter().for_each(|disk| disk.fill());
    until("a broker that dies of its full disk", LIMIT, || {
        (!broker.is_running()).then_some(())
    });
    pass(hold);
    broker.disk().into_iter().for_each(|disk| disk.free());
    broker.restart();
    Ok(())
}

fn kill_server(stage: &mut Stage<'_>, hold: Duration) {
    for broker in stage.cluster.iter_mut() {
        broker.kill();
    }
    pass(hold);
    stage.kill_server();
    pass(hold);
    stage.cluster.restart_dead();
}

/// Open connections don't log in again, so the broker is restarted.
fn refuse_logins(stage: &mut Stage<'_>, hold: Duration) -> Result<(), Missing> {
    stage.cluster.change_password(Some("another"))?;
    stage.cluster[0].restart();
    pass(hold);
    stage.notes.refused = stage.cluster.refused();
    stage.cluster.change_password(None)
}
