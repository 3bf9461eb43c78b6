use std::time::Duration;

use tokio_postgres::config::SslMode as Encryption;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;
use user_metadata_consumer::SinkError;

use super::error::bounded;
use super::tls;
use crate::OpenError;
use crate::secret::Secret;
use crate::url::{PostgresUrl, SslMode};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a statement may wait for what another transaction has locked.
const LOCK: Duration = Duration::from_secs(5);

/// Makes connections to one database.
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    schema: Option<String>,
    limit: Duration,
}

/// A connection, and the task that drives it: dropped together.
pub(super) struct Connected {
    pub(super) client: Client,
    _driver: AbortOnDropHandle<()>,
}

impl Connector {
    /// Reads the secret and the certificate; connects to nothing.
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, OpenError> {
        let from_file = url.password_file.as_deref().map(Secret::read).transpose()?;
        let mut config = Config::new();
        config
            .user(&url.user)
            .host(&url.host)
            .port(url.port)
            .dbname(&url.database)
            .application_name("user-metadata")
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(30))
            .tcp_user_timeout(url.timeout)
            .ssl_mode(match url.ssl_mode {
                SslMode::Disable => Encryption::Disable,
                SslMode::Prefer => Encryption::Prefer,
                SslMode::Require | SslMode::VerifyFull => Encryption::Require,
            });
        if let Some(password) = from_file.as_ref().or(url.password.as_ref()) {
            config.password(password.reveal());
        }
        Ok(Self {
            config,
            tls: tls::connector(url.ssl_mode, url.ssl_root_cert.as_deref())?,
            schema: url.schema.clone(),
            limit: url.timeout,
        })
    }

    /// How long a transaction may take.
    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Connects, and bounds every wait on the server, too: a statement that nobody waits for any
    /// more must not hold locks.
    pub(super) async fn connect(&self) -> Result<Connected, SinkError> {
        let connecting = async {
            let (client, connection) = self.config.connect(self.tls.clone()).await?;
            // Its errors are returned by the client.
            let driver = tokio::spawn(async move { drop(connection.await) });
            let connected = Connected {
                client,
                _driver: AbortOnDropHandle::new(driver),
            };
            connected.client.batch_execute(&self.session()).await?;
            Ok(connected)
        };
        bounded("connecting", CONNECT.min(self.limit), connecting).await
    }

    fn session(&self) -> String {
        let limit = self.limit.as_millis();
        let lock = LOCK.min(self.limit).as_millis();
        let mut session = format!(
            "set statement_timeout = {limit}; set lock_timeout = {lock}; \
             set idle_in_transaction_session_timeout = {limit}; set timezone = 'UTC'; \
             set client_min_messages = warning"
        );
        if let Some(schema) = &self.schema {
            session.push_str("; set search_path = ");
            session.push_str(&quoted(schema));
        }
        session
    }
}

/// An SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
