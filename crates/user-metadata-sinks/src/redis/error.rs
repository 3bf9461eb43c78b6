use redis::{ErrorKind, RedisError, ServerErrorKind};
use user_metadata_consumer::SinkError;

/// Why a write to Redis failed. The message names the remedy where there is one.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("Redis does not answer")]
    Away(#[source] RedisError),
    #[error("Redis is not ready")]
    NotReady(#[source] RedisError),
    #[error("Redis is a replica, or became one; name the primary, or wait for the failover")]
    Replica(#[source] RedisError),
    #[error("Redis has no memory left; raise its `maxmemory`, or lower `ttl` and `window`")]
    Full(#[source] RedisError),
    #[error("another process writes the same partition")]
    Contended,
    #[error("Redis refuses the login; correct user name and password")]
    Login(#[source] RedisError),
    #[error("the Redis user lacks a permission; grant it the commands that the README names")]
    Permission(#[source] RedisError),
    #[error("Redis has another type of value under a key of this sink; use another `prefix`")]
    Foreign(#[source] RedisError),
    #[error(
        "Redis Cluster can't run transactions over these keys; use a Redis without cluster mode"
    )]
    Cluster(#[source] RedisError),
    #[error("Redis refuses; it must be Redis 6.2 or later, or compatible with it")]
    Refused(#[source] RedisError),
}

/// Error codes while Redis starts, fails over, or can't write to its disk.
const PASSING: [&str; 7] = [
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "TRYAGAIN",
    "BUSY",
    "NOREPLICAS",
    "CLUSTERDOWN",
];

/// Temporary, too: the first has the code `ERR`, and the client omits the code of a refused
/// `SELECT`.
const PASSING_TEXTS: [&str; 3] = ["max number of clients", "Redis is busy", "Redis is loading"];

impl From<RedisError> for WriteError {
    fn from(error: RedisError) -> Self {
        let kind = error.kind();
        // The code of the command that failed, of several in a transaction of the first.
        let servers = error.clone().into_server_errors();
        let first = servers.as_ref().and_then(|errors| errors.first());
        let code = first.map_or("", |(_, error)| error.code());
        let text = first.map_or_else(|| error.detail(), |(_, error)| error.details());
        let has_passing_text =
            text.is_some_and(|text| PASSING_TEXTS.iter().any(|p| text.contains(p)));
        match (kind, code) {
            (_, "READONLY") => Self::Replica(error),
            (_, "OOM") => Self::Full(error),
            (_, "NOAUTH" | "WRONGPASS") | (ErrorKind::AuthenticationFailed, _) => {
                Self::Login(error)
            }
            (_, "NOPERM") => Self::Permission(error),
            (_, "WRONGTYPE") | (ErrorKind::UnexpectedReturnType, _) => Self::Foreign(error),
            (_, "CROSSSLOT" | "MOVED" | "ASK") => Self::Cluster(error),
            (_, code) if PASSING.contains(&code) => Self::NotReady(error),
            (ErrorKind::Server(ServerErrorKind::ResponseError), _) if has_passing_text => {
                Self::NotReady(error)
            }
            (ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::InvalidClientConfig, _) => {
                Self::Refused(error)
            }
            _ => Self::Away(error),
        }
    }
}

impl From<WriteError> for SinkError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Away(_)
            | WriteError::NotReady(_)
            | WriteError::Replica(_)
            | WriteError::Full(_)
            | WriteError::Contended => Self::unavailable(error),
            WriteError::Login(_)
            | WriteError::Permission(_)
            | WriteError::Foreign(_)
            | WriteError::Cluster(_)
            | WriteError::Refused(_) => Self::fatal(error),
        }
    }
}
