use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

use super::error::WriteError;

/// How long Redis may take to answer: far more than a chunk needs.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection of a sink's own, which `WATCH` needs. Reopened after every error.
pub(super) struct Link {
    client: Client,
    connection: Option<MultiplexedConnection>,
}

impl Link {
    pub(super) const fn new(client: Client) -> Self {
        Self {
            client,
            connection: None,
        }
    }

    pub(super) async fn connection(&mut self) -> Result<&mut MultiplexedConnection, WriteError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(PATIENCE))
                    .set_response_timeout(Some(PATIENCE));
                let client = &self.client;
                client
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Drops it: a late response may still arrive on it, and after a failover it may lead to the
    /// wrong server.
    pub(super) fn cut(&mut self) {
        self.connection = None;
    }
}

/// The client holds a password.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
