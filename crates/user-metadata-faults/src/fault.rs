/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    ClosedPort,
    Killed,
    Frozen,
    NeverAnswers,
    Garbage,
    LeaderMoves,
    TopicRecreated,
    PartitionsAdded,
    TooLarge,
    NotEnoughReplicas,
    QuorumLost,
    BrokerDiskFull,
    OwnDiskFull,
    ServerKilled,
    Credentials,
}

impl Fault {
    pub(crate) const ALL: [Self; 15] = [
        Self::ClosedPort,
        Self::Killed,
        Self::Frozen,
        Self::NeverAnswers,
        Self::Garbage,
        Self::LeaderMoves,
        Self::TopicRecreated,
        Self::PartitionsAdded,
        Self::TooLarge,
        Self::NotEnoughReplicas,
        Self::QuorumLost,
        Self::BrokerDiskFull,
        Self::OwnDiskFull,
        Self::ServerKilled,
        Self::Credentials,
    ];

    /// Its name on the command line and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClosedPort => "closed-port",
            Self::Killed => "killed",
            Self::Frozen => "frozen",
            Self::NeverAnswers => "never-answers",
            Self::Garbage => "garbage",
            Self::LeaderMoves => "leader-moves",
            Self::TopicRecreated => "topic-recreated",
            Self::PartitionsAdded => "partitions-added",
            Self::TooLarge => "too-large",
            Self::NotEnoughReplicas => "not-enough-replicas",
            Self::QuorumLost => "quorum-lost",
            Self::BrokerDiskFull => "broker-disk-full",
            Self::OwnDiskFull => "own-disk-full",
            Self::ServerKilled => "server-killed",
            Self::Credentials => "credentials",
        }
    }

    /// What happens, in one line.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::ClosedPort => "no broker runs when ws-server starts; later all do",
            Self::Killed => "the leader of partition 0 is killed (-9) and restarted",
            Self::Frozen => "it is frozen (SIGSTOP) and thawed",
            Self::NeverAnswers => "something in its place accepts connections and never answers",
            Self::Garbage => "something in its place answers with noise",
            Self::LeaderMoves => "all partitions get another leader, twice",
            Self::TopicRecreated => "the topic is deleted and recreated",
            Self::PartitionsAdded => "the topic gets 6 partitions instead of 3",
            Self::TooLarge => "some events are larger than the topic allows",
            Self::NotEnoughReplicas => "too few replicas are in sync",
            Self::QuorumLost => "two of three brokers are killed (-9) and restarted",
            Self::BrokerDiskFull => "the leader's disk is full, and it dies; then there is room",
            Self::OwnDiskFull => "the disk of ws-server's --data-dir is full; then there is room",
            Self::ServerKilled => "ws-server is killed (-9) while Kafka is down, and restarted",
            Self::Credentials => "the password of ws-server's user is changed, and changed back",
        }
    }

    /// The cluster sizes in which it can happen.
    pub(crate) fn brokers(self) -> &'static [u32] {
        match self {
            Self::LeaderMoves | Self::NotEnoughReplicas | Self::QuorumLost => &[3],
            Self::Credentials => &[1],
            _ => &[1, 3],
        }
    }

    /// Whether only an outbox on disk survives it.
    pub(crate) fn needs_disk(self) -> bool {
        matches!(self, Self::OwnDiskFull | Self::ServerKilled)
    }

    /// How long it lasts, in seconds, not counting its beginning and end.
    pub(crate) fn seconds(self) -> u64 {
        match self {
            Self::Frozen => 30,
            // Longer than ws-server's request timeout.
            Self::NeverAnswers | Self::NotEnoughReplicas | Self::QuorumLost => 20,
            // After a refused login, the next one is 15 to 30 s later.
            Self::Credentials => 20,
            _ => 10,
        }
    }

    /// Whether ws-server must report that it is degraded. With brokers left it may not even notice.
    pub(crate) fn degrades(self, brokers: u32) -> bool {
        match self {
            Self::ClosedPort
            | Self::NotEnoughReplicas
            | Self::QuorumLost
            | Self::OwnDiskFull
            | Self::ServerKilled
            | Self::Credentials => true,
            Self::Killed
            | Self::Frozen
            | Self::NeverAnswers
            | Self::Garbage
            | Self::BrokerDiskFull => brokers == 1,
            Self::LeaderMoves | Self::TopicRecreated | Self::PartitionsAdded | Self::TooLarge => {
                false
            }
        }
    }
}
